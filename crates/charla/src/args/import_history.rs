//! `charla import-history`.

use super::Source;

pub(super) const HELP: &str = "\
Examples:
  charla import-history --config charla.toml --dry-run       what would come over, nothing written
  charla import-history --config charla.toml                 all tenants, or server.default_tenant
  charla import-history --config charla.toml --tenant acme   one

The query is history.backfill; it reads the database of [application]. Started again, it adds what is new and nothing
twice. A chat stops at the first row that has no place in it, such as one older than what the chat has; other chats go on.

Exit codes:
  0  all rows are in the store
  1  some chats stopped, or a database does not answer
  2  wrong usage or settings";

/// `charla import-history`
#[derive(Debug, clap::Args)]
pub(crate) struct ImportHistory {
    /// Whose messages; may be given several times [default: all tenants where the query or the schema tells them apart, else server.default_tenant]
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Vec<String>,
    /// Write nothing, say what would come over
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// For programs: a line for each tenant
    #[arg(long)]
    pub(crate) json: bool,
}
