//! What was seen, and nothing of what it means: the only thing that [`checks`](crate::checks) may look at.
//!
//! Probes fill it in from sockets and files, [`explain`](crate::explain) from pasted logs, a bundle from a file written on
//! another machine; so whatever a user reports can be replayed as a test. Every part may be missing: a check that lacks
//! what it needs says so. No token, password, cookie or key stands in any field: probes keep those to themselves, and
//! quotes go through [`redact`](crate::redact::redact) first. Times are seconds since 1970 (UTC), durations milliseconds,
//! sizes bytes, unless a name says otherwise.

mod app;
mod database;
mod host;
mod logs;
mod nginx;
mod path;
mod redis;
mod server;
mod token;

use serde::{Deserialize, Serialize};

pub use app::{CharlaSeen, DjangoSeen, LayerSetting, Preflight};
pub use database::{DatabaseFault, DatabaseSeen, Lookup, Membership};
pub use host::HostSeen;
pub use logs::{
    Attempts, ClaimsSeen, Count, Lifetimes, LogsSeen, Ports, Quote, Seen, SourceKind, SourceSeen,
};
pub use nginx::{Directive, NginxLocation, NginxLog, NginxSeen};
pub use path::{
    After, Answer, Conduct, Difference, Handshake, Hop, HopKind, NameSeen, Reached, Shape, TlsSeen, Tried,
    first_difference,
};
pub use redis::{GroupSeen, RedisAnswer, RedisSeen};
pub use server::{Kind, Listener, Package, ProcessSeen, ServerSeen, UnitSeen, WorkerSeen};
pub use token::{KeyCheck, Oddity, TokenForm, TokenSeen};

use crate::text::Text;

/// The version of this format; a bundle with a higher one is refused.
pub const SCHEMA: u32 = 1;

/// Everything that was seen in one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Evidence {
    /// [`SCHEMA`] of whoever wrote it.
    pub schema: u32,
    /// When the run began, by this machine's clock.
    pub taken_at: f64,
    /// What was asked about; none for pasted logs.
    pub target: Option<Target>,
    /// What was not given and had to be found.
    pub found: Vec<Found>,
    /// What could not be looked at.
    pub skipped: Vec<Skipped>,
    /// The host's name and both families of addresses.
    pub name: Option<NameSeen>,
    /// The certificate, for `wss`.
    pub tls: Option<TlsSeen>,
    /// The handshake at every hop, from the given address inwards to the server itself.
    pub hops: Vec<Hop>,
    /// The handshake at a lone listener on another port, where it did not let the token in: what it says may be another
    /// application's word.
    pub elsewhere: Option<Hop>,
    /// How an open connection behaves.
    pub conduct: Option<Conduct>,
    /// The access token.
    pub token: Option<TokenSeen>,
    /// The process that serves the WebSocket, and who listens where.
    pub server: Option<ServerSeen>,
    /// The machine.
    pub host: Option<HostSeen>,
    /// The Redis that the application uses.
    pub redis: Option<RedisSeen>,
    /// The nginx in front.
    pub nginx: Option<NginxSeen>,
    /// The application's Django settings, read without running them.
    pub django: Option<DjangoSeen>,
    /// What a Charla server says of itself.
    pub charla: Option<CharlaSeen>,
    /// Chat, user and membership in the database.
    pub database: Option<DatabaseSeen>,
    /// What the logs say.
    pub logs: LogsSeen,
}

impl Evidence {
    /// The given address, as the first place on the way.
    #[must_use]
    pub fn given(&self) -> Option<&Hop> {
        self.hops.first()
    }

    /// How the browser's own handshake was answered at the given address.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.given()?.browser()
    }

    /// The last place on the way: the server's own socket, where it is known.
    #[must_use]
    pub fn innermost(&self) -> Option<&Hop> {
        self.hops.last().filter(|hop| hop.kind == HopKind::Server)
    }
}

/// The address that was asked about, without its secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// The address with `token=` and its like struck out.
    pub url: String,
    /// `wss`.
    pub secure: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, also when it is the scheme's own.
    pub port: u16,
    /// Path without query.
    pub path: String,
    /// Names of the query's parameters.
    pub parameters: Vec<String>,
    /// The last part of the path that may be a chat id.
    pub chat: Option<String>,
    /// `tenant=` or `schema=`.
    pub tenant: Option<String>,
    /// The `Origin` that was sent, as a browser's page would.
    pub origin: String,
    /// Whether the host is this machine.
    pub local: bool,
}

/// Something that was not given on the command line and was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Found {
    /// What: "Redis redis://127.0.0.1:6379/0".
    pub what: Text,
    /// From where: "`CHANNEL_LAYERS` in /srv/app/settings.py:41".
    pub from: Text,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Skipped {
    /// What.
    pub what: Text,
    /// Why not.
    pub why: Text,
    /// The exact line that would show it: `sudo ...`, or the flag to give.
    pub try_this: Option<String>,
}
