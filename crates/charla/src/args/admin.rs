//! `charla tenant|user|chat|token|key`: what an operator keeps.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Source;

/// Which store, which tenant, and how to print.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Desk {
    /// The settings file that names the store [default: charla.toml, if there is one here]
    #[arg(long, global = true, value_name = "FILE", env = "CHARLA_CONFIG")]
    config: Option<PathBuf>,
    /// The store's folder, over the settings
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Whose users, chats and keys [default: server.default_tenant, or the only one there is]
    #[arg(long, global = true)]
    pub(crate) tenant: Option<String>,
    /// Do it through a server that runs, at this address, instead of in its store
    #[arg(
        long,
        global = true,
        value_name = "URL",
        conflicts_with = "data",
        env = "CHARLA_SERVER"
    )]
    pub(crate) server: Option<String>,
    /// The key for that, as `charla key add` made it
    #[arg(long, global = true, env = "CHARLA_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// For programs: one JSON value
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Desk {
    /// Where the settings come from.
    pub(crate) fn source(&self) -> Source {
        let folder = self.data.as_ref().map(|path| {
            // A folder that is named is meant, whatever database the settings name.
            let path = path.display().to_string();
            [
                ("store.path".to_owned(), path),
                ("store.url".to_owned(), String::new()),
            ]
        });
        Source {
            config: self.config.clone(),
            set: folder.into_iter().flatten().collect(),
        }
    }
}

/// `charla tenant`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charla tenant add acme --name 'Acme Ltd.'
  charla tenant list --json")]
pub(crate) struct TenantArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// What.
    #[command(subcommand)]
    pub(crate) command: TenantCommand,
}

/// `charla tenant ...`
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant, or give it another name
    Add {
        /// Its id: 1 to 63 of A-Z a-z 0-9 _ -
        id: String,
        /// Its name for people [default: the id]
        #[arg(long)]
        name: Option<String>,
    },
    /// List all tenants
    List,
    /// Show one
    Show {
        /// Its id
        id: String,
    },
}

/// What a user may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleWord {
    /// Enters the chats it is a member of
    Member,
    /// Support staff: enters every chat of the tenant
    Agent,
}

/// A new password.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Password {
    /// The password; others on this machine can see it, --password-stdin is safer
    #[arg(long)]
    pub(crate) password: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "password")]
    pub(crate) password_stdin: bool,
}

/// `charla user`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charla user add ana --name Ana --password-stdin < ana.password
  charla user add sofia --role agent --tenant acme
  charla user block luis --tenant acme
  charla user export ana > ana.jsonl
  charla user erase ana")]
pub(crate) struct UserArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// What.
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

/// `charla user ...`
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user, or change what is given
    Add {
        /// Its id, as in tokens
        id: String,
        /// Its name for people [default: the id]
        #[arg(long)]
        name: Option<String>,
        /// What it may do [default: member]
        #[arg(long, value_enum)]
        role: Option<RoleWord>,
        /// For signing in with a built-in account.
        #[command(flatten)]
        password: Password,
    },
    /// List a tenant's users
    List {
        /// Only those after this id
        #[arg(long)]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one, and its chats
    Show {
        /// Its id
        id: String,
    },
    /// Give a user another password and end all its tokens
    Password {
        /// Its id
        id: String,
        /// The new one.
        #[command(flatten)]
        password: Password,
    },
    /// Refuse a user until unblocked
    Block {
        /// Its id
        id: String,
    },
    /// Let a blocked user in again
    Unblock {
        /// Its id
        id: String,
    },
    /// Refuse all tokens that a user has now
    SignOut {
        /// Its id
        id: String,
    },
    /// Refuse a user for good; its messages stay
    Remove {
        /// Its id
        id: String,
    },
    /// Print all that is kept of a user, one JSON object a line
    Export {
        /// Its id
        id: String,
    },
    /// Take away all that is kept of a user but the id; its messages too
    Erase {
        /// Its id
        id: String,
        /// Leave the messages' texts, under a pseudonym
        #[arg(long)]
        keep_texts: bool,
    },
}

/// `charla chat`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charla chat add 5 --title Support --member ana --member luis
  charla chat members add 5 sofia
  charla chat close 5 --reason 'solved'
  charla chat history 5 --limit 20")]
pub(crate) struct ChatArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// What.
    #[command(subcommand)]
    pub(crate) command: ChatCommand,
}

/// `charla chat ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ChatCommand {
    /// Make a chat, or give it another title
    Add {
        /// Its id: 1 to 64 of A-Z a-z 0-9 _ -
        id: String,
        /// Its title for people [default: the id]
        #[arg(long)]
        title: Option<String>,
        /// Make this user a member; may be given often
        #[arg(long, value_name = "USER")]
        member: Vec<String>,
    },
    /// List a tenant's chats
    List {
        /// Only those after this id
        #[arg(long)]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one, and its members
    Show {
        /// Its id
        id: String,
    },
    /// Close a chat: it can be read, and nothing more is said
    Close {
        /// Its id
        id: String,
        /// Why, for its members
        #[arg(long)]
        reason: Option<String>,
        /// In whose name [default: operator]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// Open a closed chat again
    Reopen {
        /// Its id
        id: String,
    },
    /// Who belongs to a chat
    #[command(subcommand)]
    Members(MembersCommand),
    /// Print messages
    History {
        /// Its id
        id: String,
        /// Only those before this number
        #[arg(long)]
        before: Option<u64>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// `charla chat members ...`
#[derive(Debug, Subcommand)]
pub(crate) enum MembersCommand {
    /// Make users members; unknown ones are made
    Add {
        /// The chat's id
        id: String,
        /// Who
        #[arg(required = true)]
        user: Vec<String>,
    },
    /// End memberships
    Remove {
        /// The chat's id
        id: String,
        /// Who
        #[arg(required = true)]
        user: Vec<String>,
    },
    /// List the members
    List {
        /// The chat's id
        id: String,
    },
}

/// `charla token`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charla token issue ana --ttl 8h
  charla token inspect < token.txt       every check of the handshake, all of them
  charla token revoke \"$TOKEN\"")]
pub(crate) struct TokenArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// What.
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// `charla token ...`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make an access token for a user
    Issue {
        /// The user's id
        user: String,
        /// How long it lets in [default: auth.access_ttl]
        #[arg(long, value_name = "DURATION")]
        ttl: Option<String>,
        /// Make a refresh token too
        #[arg(long, conflicts_with = "ttl")]
        refresh: bool,
    },
    /// Lay a token open: what it says, and what each check makes of it
    Inspect {
        /// The token [default: standard input]
        token: Option<String>,
    },
    /// Refuse a token from now on
    Revoke {
        /// The token [default: standard input]
        token: Option<String>,
    },
}

/// `charla key`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charla key add backend --tenant acme
  charla key add provisioning --every-tenant
  charla key list")]
pub(crate) struct KeyArgs {
    /// Where.
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// What.
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// `charla key ...`
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key for an application's back end; it is shown once
    Add {
        /// What people call it
        label: String,
        /// For all tenants, with the right to make more
        #[arg(long)]
        every_tenant: bool,
    },
    /// List the keys; what they are is not kept
    List,
    /// Refuse a key from now on
    Revoke {
        /// Its id, as `charla key list` shows it
        id: String,
    },
}
