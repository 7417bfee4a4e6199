//! `charla import-django`.

use std::path::PathBuf;

pub(super) const HELP: &str = "\
Examples:
  charla import-django /srv/portal                               writes ./charla/charla.toml and what goes with it
  charla import-django /srv/portal --out /etc/charla --lang es   elsewhere, in Spanish
  charla import-django backend/ --settings config.settings.prod  where there are several
  charla import-django backend/ --env-file /etc/portal.env       what the server's process is given

Nothing of the project is run: settings, routes, consumers and models are read as text. What could not be told is a
line that begins with `# ?`. No secret is copied; CUTOVER.md shows how each is handed over.

Exit codes:
  0  written, and the settings load
  1  written, and the settings do not load; or a file could not be written
  2  wrong usage: no Django project there, or files that would be written over";

/// `charla import-django`
#[derive(Debug, clap::Args)]
pub(crate) struct ImportDjango {
    /// The project: the folder with manage.py, one above or within it, or the settings file itself
    #[arg(value_name = "SETTINGS_DIR")]
    pub(crate) project: PathBuf,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = "charla")]
    pub(crate) out: PathBuf,
    /// The settings' module, where there are several: config.settings.prod
    #[arg(long, value_name = "MODULE")]
    pub(crate) settings: Option<String>,
    /// The environment of the server's process, NAME=value a line, such as its unit's EnvironmentFile
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,
}
