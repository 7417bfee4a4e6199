//! What a run is asked to look at. Holds the secrets of the run; none of it is evidence, and nothing here prints them.

use std::path::PathBuf;
use std::time::Duration;

/// The arguments of a run. What is missing is found.
#[derive(Clone, Default)]
pub struct Wanted {
    /// The address, as it was pasted: with its token, if it has one.
    pub url: Option<String>,
    /// `--token`: the access token.
    pub token: Option<String>,
    /// `--origin`: the page's origin; by default that of the address.
    pub origin: Option<String>,
    /// `--header`: `Name: value`, sent with every handshake.
    pub headers: Vec<(String, String)>,
    /// `--protocol`: sub-protocols to offer, as the page does.
    pub protocols: Vec<String>,
    /// `--redis`: the application's Redis.
    pub redis: Option<String>,
    /// `--database`: the application's database.
    pub database: Option<String>,
    /// `--chat-query`: SQL that gives a row when the chat exists (`:chat`, `:tenant`, `:user`).
    pub chat_query: Option<String>,
    /// `--member-query`: SQL that gives a row when the user may enter (`:chat`, `:tenant`, `:user`).
    pub member_query: Option<String>,
    /// `--nginx-conf`: its main file.
    pub nginx_conf: Option<PathBuf>,
    /// `--nginx-log`: its error or access log; may be given more than once.
    pub nginx_logs: Vec<PathBuf>,
    /// `--log`: logs of the application.
    pub logs: Vec<PathBuf>,
    /// `--unit`: its systemd unit.
    pub unit: Option<String>,
    /// `--server`: the port or address of the application behind the proxies.
    pub server: Option<String>,
    /// `--key`: a secret, or a PEM or a file with one.
    pub key: Option<String>,
    /// `--config`: a `charla.toml`.
    pub config: Option<PathBuf>,
    /// `--django`: the folder with the settings, or the settings file.
    pub django: Option<PathBuf>,
    /// `--ca-file`: further authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// `--idle`: hold one connection in silence for so long.
    pub idle: Option<Duration>,
    /// `--message-size`: send one text of so many bytes. It is a message: it reaches the chat.
    pub message_size: Option<usize>,
    /// How far back logs are read.
    pub since: Option<Duration>,
}

impl Wanted {
    /// Whether there is anything to look at without an address.
    #[must_use]
    pub fn names_anything(&self) -> bool {
        self.redis.is_some()
            || self.database.is_some()
            || self.nginx_conf.is_some()
            || !self.nginx_logs.is_empty()
            || !self.logs.is_empty()
            || self.unit.is_some()
            || self.server.is_some()
            || self.config.is_some()
            || self.django.is_some()
    }
}

/// How long a single answer may take.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(1_500);

/// How long an accepted connection is watched for an end.
pub const WATCH_FOR: Duration = Duration::from_millis(400);

/// How long a run may take without `--idle`; what is not done by then is skipped, and said so.
pub const RUN_WITHIN: Duration = Duration::from_millis(4_800);

/// How far back logs are read where nobody says: signs before that are history.
pub const LOGS_SINCE: Duration = Duration::from_secs(15 * 60);
