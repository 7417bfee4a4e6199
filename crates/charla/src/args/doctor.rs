//! What can be typed for `charla doctor` and `charla explain`.

use std::path::PathBuf;
use std::time::Duration;

use charla_doctor::plan::Wanted;
use clap::{Subcommand, ValueEnum};

pub(crate) const HELP: &str = "\
Examples:
  charla doctor 'ws://127.0.0.1:9001/ws/chat/5/?token=...'       on the server's machine: everything else is found
  charla doctor wss://chat.example.org/ws/chat/5/ --token ...    from anywhere: what the network shows
  charla doctor URL --idle 75s                                   does a silent connection survive the proxies?
  charla doctor URL --watch                                      again and again, with the logs in between
  charla doctor collect URL -o chat.bundle.json                  take the evidence along, without secrets
  charla doctor chat.bundle.json                                 the same verdict elsewhere

Nothing is changed on the machine. Without root it says which line of sudo would show more.

Exit codes: 0 healthy, 1 cause found, 2 warnings, 3 could not tell, 64 usage; with --format nagios those of a
monitoring plugin: 0 ok, 1 warning, 2 critical, 3 unknown.";

pub(crate) const EXPLAIN_HELP: &str = "\
Examples:
  charla explain 1006                                    what a code means and what to run next
  charla explain 'net::ERR_CERT_DATE_INVALID'            an error text
  pbpaste | charla explain -                             the browser's console
  charla explain /var/log/nginx/access.log uvicorn.log   any mix: lined up on one clock
  journalctl -u backend -o json --since -1h | charla explain -
  charla explain support-ticket/                         everything in a folder

Exit codes: 0 healthy, 1 cause found, 2 warnings, 3 could not tell, 64 usage.";

/// `charla doctor`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Doctor {
    /// Collect instead of telling.
    #[command(subcommand)]
    pub(crate) command: Option<DoctorCommand>,
    /// The address that does not work, as the page has it; or a bundle that `collect` wrote
    #[arg(value_name = "URL|BUNDLE")]
    pub(crate) target: Option<String>,
    /// What to look at.
    #[command(flatten)]
    pub(crate) look: Look,
    /// How to tell it.
    #[command(flatten)]
    pub(crate) telling: Telling,
    /// Look again every so often, telling what changes and what the logs say meanwhile
    #[arg(long, value_name = "EVERY", num_args = 0..=1, default_missing_value = "5s", value_parser = duration)]
    pub(crate) watch: Option<Duration>,
}

/// `charla doctor ...`
#[derive(Debug, Subcommand)]
pub(crate) enum DoctorCommand {
    /// Write everything that was seen to one file, without secrets, for somebody else's `charla doctor FILE`
    #[command(after_help = "\
Examples:
  charla doctor collect 'ws://127.0.0.1:9001/ws/chat/5/?token=...' -o chat.bundle.json
  charla doctor collect URL -o -        to standard output: read it before you send it")]
    Collect(Collect),
}

/// `charla doctor collect`
#[derive(Debug, clap::Args)]
pub(crate) struct Collect {
    /// The address that does not work, as the page has it
    #[arg(value_name = "URL")]
    pub(crate) target: Option<String>,
    /// The file to write; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "charla-doctor.bundle.json")]
    pub(crate) output: PathBuf,
    /// What to look at.
    #[command(flatten)]
    pub(crate) look: Look,
}

/// What to look at; what is not given is found.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "What to look at (what is not given is found)")]
pub(crate) struct Look {
    /// The access token, if it does not stand in the address
    #[arg(long, env = "CHARLA_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The page's origin [default: that of the address]
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// A header to send with every handshake, such as a cookie; may be given often
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A sub-protocol to offer, as the page does; may be given often
    #[arg(long = "protocol", value_name = "NAME")]
    protocols: Vec<String>,
    /// Address or port of the application behind the proxies
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// The application's Redis
    #[arg(long, value_name = "URL", env = "CHARLA_DOCTOR_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// The application's database (sqlite:PATH or postgres://...)
    #[arg(
        long,
        value_name = "URL",
        env = "CHARLA_DOCTOR_DATABASE",
        hide_env_values = true
    )]
    database: Option<String>,
    /// SQL that gives a row when the chat exists; knows :chat, :tenant, :user
    #[arg(long, value_name = "SQL")]
    chat_query: Option<String>,
    /// SQL that gives a row when the user may enter; knows :chat, :tenant, :user
    #[arg(long, value_name = "SQL")]
    member_query: Option<String>,
    /// The main file of nginx' configuration
    #[arg(long, value_name = "PATH")]
    nginx_conf: Option<PathBuf>,
    /// A log of nginx; may be given often
    #[arg(long = "nginx-log", value_name = "PATH")]
    nginx_logs: Vec<PathBuf>,
    /// A log of the application; may be given often
    #[arg(long = "log", value_name = "PATH")]
    logs: Vec<PathBuf>,
    /// The application's systemd unit
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// The key that tokens are signed with: a secret, a PEM, or a file with one
    #[arg(
        long,
        value_name = "SECRET|PEM|PATH",
        env = "CHARLA_DOCTOR_KEY",
        hide_env_values = true
    )]
    key: Option<String>,
    /// A charla.toml
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// A Django project: its folder, or the settings file
    #[arg(long, value_name = "PATH")]
    django: Option<PathBuf>,
    /// Further certificate authorities to trust
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// Hold one connection in silence for so long, such as 75s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    idle: Option<Duration>,
    /// Send one text of so many bytes; it reaches the chat
    #[arg(long, value_name = "BYTES")]
    message_size: Option<usize>,
    /// How far back logs are read [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    since: Option<Duration>,
}

impl Look {
    /// As the doctor takes it.
    pub(crate) fn wanted(&self, url: Option<&str>) -> Wanted {
        let look = self.clone();
        Wanted {
            url: url.map(str::to_owned),
            token: look.token,
            origin: look.origin,
            headers: look.headers,
            protocols: look.protocols,
            redis: look.redis,
            database: look.database,
            chat_query: look.chat_query,
            member_query: look.member_query,
            nginx_conf: look.nginx_conf,
            nginx_logs: look.nginx_logs,
            logs: look.logs,
            unit: look.unit,
            server: look.server,
            key: look.key,
            config: look.config,
            django: look.django,
            ca_file: look.ca_file,
            idle: look.idle,
            message_size: look.message_size,
            since: look.since,
        }
    }
}

/// How to tell it.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "How to tell it")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Telling {
    /// For programs: the same as --format json
    #[arg(long)]
    pub(crate) json: bool,
    /// Another form
    #[arg(long, value_enum, conflicts_with = "json")]
    pub(crate) format: Option<Format>,
    /// The verdict, its evidence and its fix only
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) short: bool,
    /// Why each cause is ruled out too; with --json everything that was seen
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Plain ASCII [default: where the locale is not UTF-8]
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// One line, and the exit codes of a monitoring plugin
    Nagios,
    /// Annotations of a GitHub workflow
    Github,
    /// A ticket's text
    Markdown,
}

impl Telling {
    /// The form asked for.
    pub(crate) fn form(self) -> Format {
        let asked = self.format.unwrap_or(Format::Text);
        if self.json { Format::Json } else { asked }
    }
}

/// `charla explain`
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Files, folders, `-` for standard input, a code such as 1006, or a text
    #[arg(value_name = "FILE|DIR|-|CODE|TEXT", required = true)]
    pub(crate) sources: Vec<String>,
    /// How to tell it.
    #[command(flatten)]
    pub(crate) telling: Telling,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    if name.is_empty() || text.contains(['\r', '\n']) {
        return Err("write it as `Name: value`, on one line".into());
    }
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// `75s`, `2m`, `500ms`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().map_err(|_| "write it as 75s, 2m or 500ms")?;
    let seconds = |by: u64| {
        number
            .checked_mul(by)
            .map(Duration::from_secs)
            .ok_or("that is too long")
    };
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(seconds(1)?),
        "m" => Ok(seconds(60)?),
        "h" => Ok(seconds(3_600)?),
        _ => Err("write it as 75s, 2m or 500ms".into()),
    }
}
