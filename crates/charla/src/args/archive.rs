//! `charla export` and `charla import`.

use std::path::PathBuf;

use super::Source;

pub(super) const EXPORT_HELP: &str = "\
Examples:
  charla export chats.jsonl --config charla.toml
  CHARLA_STORE_URL=postgres:///charla charla export chats.jsonl

JSON lines, one record each, one moment of the whole store, with counts and hashes to check them by. Left out: tickets,
which are over within seconds. The file holds password hashes and the signing secret: only you can read it, keep it so.";

pub(super) const IMPORT_HELP: &str = "\
Examples:
  CHARLA_STORE_URL=postgres:///charla charla import chats.jsonl
  charla import chats.jsonl --set store.path=/var/lib/charla

The file is checked to its end before anything is written, and the store against the file afterwards. Interrupted, it
is simply started again: what is there already is not written twice. A chat that the store has with other content ends it.
Start no server on the store before it is done.";

/// `charla export`
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file to make
    pub(crate) file: PathBuf,
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `charla import`
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file that `charla export` made
    pub(crate) file: PathBuf,
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}
