//! Why a connection to the bus ended, in words, as a label, and with what to do about it.

use std::io;
use std::time::Duration;

/// Why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// Nobody there.
    #[error("{at}: {error}")]
    Unreachable { at: String, error: io::Error },
    /// There was a connection.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// No TLS with this server.
    #[error("{at}: {said}")]
    Tls {
        at: String,
        said: String,
        advice: &'static str,
    },
    #[error("{at}: no answer within {within:?}")]
    Slow { at: String, within: Duration },
    /// The server's own words.
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error("no canary came back within {0:?}, though the connection looks open")]
    Silent(Duration),
    #[error("what answers is no {0}")]
    Garbled(&'static str),
    /// A replica, or a master that was demoted.
    #[error("{0} is not the master, or not any more")]
    NotMaster(String),
    #[error("no sentinel tells where the master {master:?} is: {said}")]
    NoMaster { master: String, said: String },
    /// A shard of a cluster.
    #[error("{0} does not serve what it did: reading the map of the cluster again")]
    Moved(String),
    #[error("the server is about to stop")]
    Leaving,
}

/// What a Redis says that wants another or any password.
const REDIS_AUTH: [&str; 5] = [
    "WRONGPASS",
    "NOAUTH",
    "HELLO must be called with the client already authenticated",
    "without any password configured",
    "invalid password",
];
/// And what a NATS says.
const NATS_AUTH: [&str; 2] = ["Authorization Violation", "Authentication Timeout"];
/// What a server says about something that a user may not do.
const PERMISSION: [&str; 2] = ["NOPERM", "Permissions Violation"];

impl Ended {
    /// The label of `charla_broker_failures_total`.
    pub(crate) fn why(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Broken(error) if is_tls(error) => "tls",
            Self::Broken(_) => "broken",
            Self::Tls { .. } => "tls",
            Self::Slow { .. } => "slow",
            Self::Refused(text) if wants_auth(text) => "auth",
            Self::Refused(text) if says(text, &PERMISSION) => "permission",
            Self::Refused(_) => "refused",
            Self::Silent(_) => "silent",
            Self::Garbled(_) => "protocol",
            Self::NotMaster(_) => "not_master",
            Self::NoMaster { .. } => "no_master",
            Self::Moved(_) => "moved",
            Self::Leaving => "leaving",
        }
    }

    /// The id in the table of causes that comes nearest. Those of Redis are for what only a Redis says.
    pub(crate) fn cause(&self) -> &'static str {
        let Self::Refused(text) = self else {
            return "broker_unavailable";
        };
        let known: [(&[&str], &str); 4] = [
            (&REDIS_AUTH, "redis_auth"),
            (&["max number of clients"], "redis_max_clients"),
            (&["LOADING"], "redis_loading"),
            (&["unknown command", "NOPROTO"], "redis_too_old"),
        ];
        known
            .into_iter()
            .find(|(words, _)| says(text, words))
            .map_or("broker_unavailable", |(_, cause)| cause)
    }

    /// What to do about it, where that is known.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Tls { advice, .. } => Some(advice),
            Self::Broken(error) if is_tls(error) => {
                Some("the server may want a certificate: `broker.cert_file` and `broker.key_file`")
            }
            Self::Refused(text) if wants_auth(text) => Some(
                "check the user in `broker.url` and the password in `broker.password_file` or CHARLA_BROKER_URL",
            ),
            Self::Refused(text) if says(text, &PERMISSION) => {
                Some("give the user the rights that docs/nodes.md lists")
            }
            Self::NoMaster { .. } => {
                Some("`redis-cli -p 26379 SENTINEL MASTERS` on a sentinel lists the names that it knows")
            }
            Self::Garbled(_) => Some("is `broker.url` the right port, with or without TLS?"),
            Self::Unreachable { .. } => Some("does it run, and may this machine reach it?"),
            Self::Broken(_)
            | Self::Slow { .. }
            | Self::Refused(_)
            | Self::Silent(_)
            | Self::NotMaster(_)
            | Self::Moved(_)
            | Self::Leaving => None,
        }
    }
}

/// A server refuses a client's certificate only after the handshake.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn wants_auth(text: &str) -> bool {
    says(text, &REDIS_AUTH) || says(text, &NATS_AUTH)
}

fn says(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_has_a_name() {
        for (text, why, cause) in [
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                "auth",
                "redis_auth",
            ),
            ("NOAUTH Authentication required.", "auth", "redis_auth"),
            (
                "NOPERM User charla has no permissions to run the 'publish' command",
                "permission",
                "broker_unavailable",
            ),
            (
                "ERR max number of clients reached",
                "refused",
                "redis_max_clients",
            ),
            ("LOADING Redis is loading", "refused", "redis_loading"),
            ("Authorization Violation", "auth", "broker_unavailable"),
            (
                "'Permissions Violation for Subscription to \"charla.all\"'",
                "permission",
                "broker_unavailable",
            ),
        ] {
            let ended = Ended::Refused(text.into());
            assert_eq!((ended.why(), ended.cause()), (why, cause), "{text}");
        }
    }
}
