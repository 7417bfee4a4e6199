//! `charla backup`, `charla restored` and `charla compact`.

use std::path::PathBuf;

use super::Source;

pub(super) const BACKUP_HELP: &str = "\
Examples:
  charla backup /var/backups/charla-$(date +%F).db --config charla.toml

The server may run: nobody waits, and every message that was acknowledged before is in the copy. The copy is checked before
it gets its name. It holds password hashes and the signing secret: only you can read it, keep it so. To put it back, end the
server, delete charla.db-wal and charla.db-shm in the store's folder, copy the file over charla.db there, and start the server.
PostgreSQL has pg_dump for this: docs/backup.md.";

pub(super) const RESTORED_HELP: &str = "\
Examples:
  CHARLA_STORE_URL=postgres:///charla charla restored

For a store that was put back in another way than from `charla backup`, which does this by itself: clients may know of messages
that it has no more, and must be told to begin anew. Before the servers are started; a server that runs does not notice.";

pub(super) const COMPACT_HELP: &str = "\
Examples:
  charla compact --config charla.toml

No server may run on the store. Nothing of what was deleted, swept or erased can be read from the file afterwards, and it is
as small as can be. It needs room for a second copy, and some seconds for each GiB.";

/// `charla backup`
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file to make
    pub(crate) file: PathBuf,
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `charla restored` and `charla compact`
#[derive(Debug, clap::Args)]
pub(crate) struct OnStore {
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}
