//! `[store]`: where chats live.

use std::path::PathBuf;

use super::{DatabaseTls, HistorySettings, StoreUrl};

/// `[store]`
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The folder of the SQLite database.
    pub path: PathBuf,
    /// The PostgreSQL database that is used instead, if any.
    pub url: Option<StoreUrl>,
    /// The file with the password for it, read at the start.
    pub password_file: Option<PathBuf>,
    /// Whether connections to it are encrypted, and who is believed; `None`: as the address says.
    pub tls: Option<DatabaseTls>,
    /// Authorities in PEM that may have signed its certificate, besides those that browsers believe.
    pub ca_file: Option<PathBuf>,
    /// Connections to PostgreSQL besides the one that appends.
    pub connections: usize,
    /// Most messages that share one commit.
    pub group_max: usize,
    /// Drafts that may wait for the writer; more are refused with `overloaded`.
    pub queue_max: usize,
    /// The application's own table of messages.
    pub history: HistorySettings,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("charla-data"),
            url: None,
            password_file: None,
            tls: None,
            ca_file: None,
            connections: 8,
            group_max: 256,
            queue_max: 8192,
            history: HistorySettings::default(),
        }
    }
}
