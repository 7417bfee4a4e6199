//! The command line: what can be typed, with an example for each.

use std::path::PathBuf;

use charla_wire::Lang;
use clap::builder::StyledStr;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::exit;

mod admin;
mod archive;
mod backup;
mod doctor;
mod import_django;
mod import_history;
mod storm;

pub(crate) use admin::{
    ChatArgs, ChatCommand, Desk, KeyArgs, KeyCommand, MembersCommand, Password, RoleWord, TenantArgs,
    TenantCommand, TokenArgs, TokenCommand, UserArgs, UserCommand,
};
pub(crate) use archive::{Export, Import};
pub(crate) use backup::{Backup, OnStore};
pub(crate) use doctor::{Collect, Doctor, DoctorCommand, Explain, Format, Telling};
pub(crate) use import_django::ImportDjango;
pub(crate) use import_history::ImportHistory;
pub(crate) use storm::Storm;

/// Charla: a realtime chat server that names the cause behind every dropped connection.
#[derive(Debug, Parser)]
#[command(name = "charla", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  charla demo                                  try it: a server with three people and a chat
  charla serve --config charla.toml            run a server
  charla connect http://127.0.0.1:9001 --user ana --password ana --chat 5
  charla doctor 'ws://host/ws/chat/5/?token=...'   why does it say 1006?
  charla causes token_expired                  what a cause means and how to fix it")]
#[command(after_long_help = LONG_HELP)]
pub(crate) struct Args {
    /// The language of what is printed; by default that of LANG
    #[arg(long, global = true, value_enum, env = "CHARLA_LANG", hide_env_values = true)]
    lang: Option<Language>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const LONG_HELP: &str = "\
Examples:
  charla demo                                  try it: a server with three people and a chat
  charla serve --config charla.toml            run a server
  charla connect http://127.0.0.1:9001 --user ana --password ana --chat 5
  charla causes token_expired                  what a cause means and how to fix it
  charla config default > charla.toml          every setting with its meaning
  source <(charla completions bash)            completions for this shell

Exit codes: `charla connect --help` lists them.";

/// The command line in full: a command without examples of its own shows those of the command above it.
pub(crate) fn whole() -> clap::Command {
    Args::command().mut_subcommands(|command| {
        let examples = command.get_after_help().cloned();
        pass_down(command, examples.as_ref())
    })
}

fn pass_down(command: clap::Command, examples: Option<&StyledStr>) -> clap::Command {
    command.mut_subcommands(|inner| {
        let own = inner.get_after_help().or(examples).cloned();
        let inner = match &own {
            Some(own) => inner.after_help(own.clone()),
            None => inner,
        };
        pass_down(inner, own.as_ref())
    })
}

/// A language to print in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    /// English
    En,
    /// Spanish
    Es,
}

impl Args {
    /// What was typed; help and mistakes of usage end the program here.
    pub(crate) fn typed() -> Self {
        let typed = whole()
            .try_get_matches()
            .and_then(|matches| Self::from_arg_matches(&matches));
        typed.unwrap_or_else(|error| exit::not_understood(&error))
    }

    /// The language asked for, or the environment's.
    pub(crate) fn language(&self) -> Lang {
        match self.lang {
            Some(Language::En) => Lang::En,
            Some(Language::Es) => Lang::Es,
            None => environment_language(),
        }
    }
}

/// The first of the locale's variables that is set decides (POSIX, 8.2).
fn environment_language() -> Lang {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .and_then(|value| Lang::from_tag(&value))
        .unwrap_or_default()
}

/// Everything that can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try it: a server with three people and a chat, gone when it ends
    #[command(after_help = "\
Examples:
  charla demo
  charla demo --listen 0.0.0.0:9001 --data ./demo     for other machines too, and kept
  charla demo --listen 127.0.0.1:0 --json             for programs: one line once it listens")]
    Demo(Demo),
    /// Run a server
    #[command(after_help = "\
Examples:
  charla serve --config charla.toml
  CHARLA_AUTH_SECRET=... charla serve --listen 0.0.0.0:9001
  charla serve --set log.format=json --set limits.connections=5000

`charla config default` prints every key. SIGTERM and Ctrl-C drain: clients are told when to come back.")]
    Serve(Serve),
    /// Bring the database's tables up to date; a server does so too when it starts
    #[command(after_help = "\
Examples:
  charla migrate --check --config charla.toml    exit code 1 when something is left to do
  CHARLA_STORE_URL=postgres:///charla charla migrate")]
    Migrate(Migrate),
    /// Write all that the store keeps into one file, for another store or as a copy
    #[command(after_help = archive::EXPORT_HELP)]
    Export(Export),
    /// Take such a file into a store: that of another machine, or of another kind
    #[command(after_help = archive::IMPORT_HELP)]
    Import(Import),
    /// Copy a SQLite store into one file, while a server may use it
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(Backup),
    /// Say that the store was put back from a backup: clients that know more than it does begin anew
    #[command(after_help = backup::RESTORED_HELP)]
    Restored(OnStore),
    /// Write a SQLite store anew, without a trace of what was deleted
    #[command(after_help = backup::COMPACT_HELP)]
    Compact(OnStore),
    /// Write the settings for taking Charla in under a Django Channels project, read from its own
    #[command(after_help = import_django::HELP)]
    ImportDjango(ImportDjango),
    /// Take the messages that the application had before into the store
    #[command(after_help = import_history::HELP)]
    ImportHistory(ImportHistory),
    /// What an operator keeps.
    #[command(flatten)]
    Admin(Admin),
    /// Chat from the terminal, or from a pipe
    #[command(after_help = CONNECT_HELP)]
    Connect(Connect),
    /// What each cause of a refused or dropped connection means, and its fix
    #[command(after_help = "\
Examples:
  charla causes                     all of them
  charla causes token_expired       one, with its fix
  charla causes --json --lang es    for programs, in Spanish")]
    Causes(Causes),
    /// Check, show or print the settings
    #[command(after_help = "\
Examples:
  charla config default > charla.toml        a file with every key and its default
  charla config check --config charla.toml   every mistake, with its line
  charla config show --config charla.toml    each value, and where it came from")]
    Config(Config),
    /// Simulate everybody losing the server at once, and how each client library comes back
    #[command(after_help = storm::HELP)]
    Storm(Storm),
    /// Find the cause behind a failing WebSocket, on a Charla deployment or any other stack
    #[command(after_help = doctor::HELP)]
    Doctor(Box<Doctor>),
    /// Find the cause in pasted logs: a browser's console, nginx, uvicorn, journald, a HAR, any mix
    #[command(after_help = doctor::EXPLAIN_HELP)]
    Explain(Explain),
    /// Print completions for a shell
    #[command(after_help = "\
Examples:
  source <(charla completions bash)
  charla completions zsh > ~/.zfunc/_charla
  charla completions fish > ~/.config/fish/completions/charla.fish")]
    Completions(Completions),
    /// Print the manual page, or write all of them to a folder
    #[command(after_help = "\
Examples:
  charla man | man -l -
  charla man --dir /usr/local/share/man/man1")]
    Man(Man),
}

/// The commands that work on the store.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Make and list tenants: customers whose users and chats stand apart
    Tenant(TenantArgs),
    /// Make, change and list a tenant's users
    User(UserArgs),
    /// Make, close and list a tenant's chats and their members
    Chat(ChatArgs),
    /// Make, lay open and revoke access tokens
    Token(TokenArgs),
    /// Make, list and revoke keys of applications' back ends
    Key(KeyArgs),
}

impl Admin {
    /// Where and how.
    pub(crate) fn desk(&self) -> &Desk {
        match self {
            Self::Tenant(wanted) => &wanted.desk,
            Self::User(wanted) => &wanted.desk,
            Self::Chat(wanted) => &wanted.desk,
            Self::Token(wanted) => &wanted.desk,
            Self::Key(wanted) => &wanted.desk,
        }
    }
}

const CONNECT_HELP: &str = "\
Examples:
  charla connect ws://127.0.0.1:9001/ws/chat/5/ --token \"$TOKEN\"
  charla connect http://127.0.0.1:9001 --user ana --password ana --chat 5
  echo 'hola' | charla connect http://127.0.0.1:9001 --user ana --password ana --chat 5

Type a line to say it; /help lists the commands.

Exit codes:
  0  done
  1  failed
  2  wrong usage or settings
  3  the token was refused: get a new one
  4  refused for good: trying again cannot help
  5  refused for now: try again later
  6  nothing that speaks could be reached";

/// `charla connect`
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Connect {
    /// ws://, wss://, http:// or https:// address of a server, a chat or its page
    pub(crate) url: String,
    /// The access token
    #[arg(long, env = "CHARLA_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The chat to enter, if the address names none
    #[arg(long)]
    pub(crate) chat: Option<String>,
    /// Sign in as this user of a built-in account
    #[arg(long, conflicts_with = "token")]
    pub(crate) user: Option<String>,
    /// The user's password; others on this machine can see it, --password-stdin is safer
    #[arg(long, requires = "user")]
    pub(crate) password: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long, requires = "user", conflicts_with = "password")]
    pub(crate) password_stdin: bool,
    /// The tenant, if the address names none
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Keep trying when the server is not there yet, as after a connection that was lost
    #[arg(long, conflicts_with = "plain")]
    pub(crate) wait: bool,
    /// Believe the authorities in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Go through this proxy: http://[USER:PASSWORD@]HOST:PORT or socks5://HOST:PORT [default: HTTPS_PROXY, HTTP_PROXY]
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Speak the plain dialect, for servers that know no charla.v1
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print frames as they come, one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `charla causes`
#[derive(Debug, clap::Args)]
pub(crate) struct Causes {
    /// Which one; without it, all
    pub(crate) id: Option<String>,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `charla demo`
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Address and port to listen on; port 0 picks one
    #[arg(long, default_value = "127.0.0.1:9001")]
    pub(crate) listen: std::net::SocketAddr,
    /// Keep the data in this folder [default: a folder that is removed at the end]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Print one line of JSON once it listens, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Lift the limits per user, per address and per second, for load tests
    #[arg(long)]
    pub(crate) no_limits: bool,
    /// Set one key of the settings; may be given often
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

/// `charla serve`
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// Address and port to listen on: short for --set server.listen=...
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
}

/// `charla migrate`
#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// Settings.
    #[command(flatten)]
    pub(crate) source: Source,
    /// Only look: exit code 0 when nothing is left to do, 1 otherwise
    #[arg(long)]
    pub(crate) check: bool,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where settings come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Source {
    /// The settings file [default: charla.toml, if there is one here]
    #[arg(long, value_name = "FILE", env = "CHARLA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Set one key, over file and variables; may be given often
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write it as key=value, such as server.listen=0.0.0.0:9001")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// `charla config`
#[derive(Debug, clap::Args)]
pub(crate) struct Config {
    /// Which part.
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// `charla config ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Find every mistake: exit code 0 without, 1 with
    Check(Source),
    /// Print each value and where it came from; secrets stay hidden
    Show(Source),
    /// Print a file with every key, its meaning and default
    Default,
}

/// `charla completions`
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

/// `charla man`
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder to write one page a command to
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use charla_wire::{Cause, Lang};
    use clap::Parser as _;

    use super::Args;

    #[test]
    fn the_command_line_is_sound() {
        super::whole().debug_assert();
    }

    /// The `charla ...` lines of a text, and those between backticks; `charla = ...` is JavaScript.
    fn commands(text: &str) -> impl Iterator<Item = &str> {
        text.split(['`', '\n'])
            .filter(|part| part.starts_with("charla ") && !part.starts_with("charla ="))
    }

    /// What a shell would hand over: no comment, nothing after a pipe, no quotes.
    fn words(command: &str) -> Vec<&str> {
        let command = command.split([';', '|', '#']).next().unwrap_or(command);
        command
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']))
            .collect()
    }

    #[test]
    fn every_command_that_a_cause_tells_can_be_typed() {
        let mut typed = 0;
        for &cause in Cause::ALL {
            for &lang in Lang::ALL {
                let told = cause.words(lang);
                for command in told.fix.iter().copied().chain([told.check]).flat_map(commands) {
                    let words = words(command);
                    // Prose names a command by its bare name; the doctor's two have tests of their own.
                    if matches!(words.as_slice(), [_, _] | [_, "doctor" | "explain", ..]) {
                        continue;
                    }
                    if let Err(error) = Args::try_parse_from(&words) {
                        panic!("{cause}: {command}: {error}");
                    }
                    typed += 1;
                }
            }
        }
        assert!(typed > 40, "only {typed} were recognised");
    }
}
