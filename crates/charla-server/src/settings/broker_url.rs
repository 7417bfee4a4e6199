//! `[broker]`, and the address of a bus in it: whole for the connection, without its password for people.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use super::near::nearest;

/// What stands for a password wherever it would be shown.
const HIDDEN: &str = "(hidden)";
/// What an address may begin with.
const SCHEMES: [&str; 8] = [
    "redis",
    "rediss",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "nats",
    "tls",
];

/// `[broker]`
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// The bus between nodes; `None` for one node alone.
    pub url: Option<BrokerUrl>,
    /// The file with the password for it, read at the start.
    pub password_file: Option<PathBuf>,
    /// The file with the sentinels' own password, read at the start.
    pub sentinel_password_file: Option<PathBuf>,
    /// Authorities in PEM that may have signed its certificate, besides those that browsers believe.
    pub ca_file: Option<PathBuf>,
    /// The certificate that we show it, in PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of that certificate, in PEM.
    pub key_file: Option<PathBuf>,
    /// What the names of its topics begin with.
    pub prefix: String,
    /// How long a node may be silent before it counts as gone, with everybody on it.
    pub node_ttl: Duration,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            url: None,
            password_file: None,
            sentinel_password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            prefix: "charla".into(),
            node_ttl: Duration::from_secs(10),
        }
    }
}

/// What carries happenings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusKind {
    /// One Redis or Valkey.
    Redis,
    /// The Redis that sentinels call the master of this name; the places are theirs.
    Sentinel {
        /// Its name.
        master: String,
    },
    /// A Redis Cluster; the places are some of its servers.
    Cluster,
    /// NATS; any of the places will do.
    Nats,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPlace {
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for BrokerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is no address of a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokerUrlError {
    /// It begins with something else; this one comes near.
    Scheme(Option<&'static str>),
    /// A host or port that is none.
    Place,
    /// Several servers that do not belong together.
    Several,
    /// No name of the master.
    NoMaster,
    /// Something after the servers, such as the number of a database.
    Rest,
}

/// `redis://user@host:port` and its kin.
#[derive(Clone)]
pub struct BrokerUrl {
    kind: BusKind,
    tls: bool,
    user: Option<String>,
    password: Option<SecretString>,
    first: BrokerPlace,
    places: Vec<BrokerPlace>,
    shown: String,
}

impl BrokerUrl {
    /// Reads `scheme://[user[:password]@]host[:port][,host[:port] ...][/master]`; `None` when it is none.
    ///
    /// The schemes are `redis`, `redis+sentinel` and `redis+cluster`, with TLS `rediss` for `redis`; `nats`, and `tls` for
    /// NATS with TLS. A database's number would mean nothing: what is published is heard in all of them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    pub(super) fn read(text: &str) -> Result<Self, BrokerUrlError> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        if !SCHEMES.contains(&scheme) {
            return Err(BrokerUrlError::Scheme(nearest(scheme, SCHEMES.iter().copied())));
        }
        let (who, rest) = match rest.rsplit_once('@') {
            Some((who, rest)) => (Some(who), rest),
            None => (None, rest),
        };
        let (servers, path) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.contains(['?', '#']) {
            return Err(BrokerUrlError::Rest);
        }
        let decoded = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| BrokerUrlError::Place)
        };
        let (kind, port) = match scheme {
            "redis+sentinel" | "rediss+sentinel" if path.is_empty() => return Err(BrokerUrlError::NoMaster),
            "redis+sentinel" | "rediss+sentinel" => {
                let master = decoded(path)?;
                (BusKind::Sentinel { master }, 26_379)
            }
            _ if !path.is_empty() => return Err(BrokerUrlError::Rest),
            "redis+cluster" | "rediss+cluster" => (BusKind::Cluster, 6379),
            "nats" | "tls" => (BusKind::Nats, 4222),
            _ => (BusKind::Redis, 6379),
        };
        let places: Vec<BrokerPlace> = servers
            .split(',')
            .map(|server| place(server, port))
            .collect::<Option<_>>()
            .ok_or(BrokerUrlError::Place)?;
        let first = places.first().cloned().ok_or(BrokerUrlError::Place)?;
        if kind == BusKind::Redis && places.len() > 1 {
            return Err(BrokerUrlError::Several);
        }
        let (user, password) = match who.map(|who| who.split_once(':').unwrap_or((who, ""))) {
            Some((user, password)) => (decoded(user)?, decoded(password)?),
            None => (String::new(), String::new()),
        };
        let has_password = !password.is_empty();
        let shown_who = match (user.is_empty(), has_password) {
            (true, false) => String::new(),
            (false, false) => format!("{user}@"),
            (_, true) => format!("{user}:{HIDDEN}@"),
        };
        let slash = if path.is_empty() { "" } else { "/" };
        Ok(Self {
            kind,
            tls: scheme.starts_with("rediss") || scheme == "tls",
            user: Some(user).filter(|user| !user.is_empty()),
            password: has_password.then(|| password.into()),
            first,
            places,
            shown: format!("{scheme}://{shown_who}{servers}{slash}{path}"),
        })
    }

    /// What it is the address of.
    #[must_use]
    pub const fn kind(&self) -> &BusKind {
        &self.kind
    }

    /// Whether connections are encrypted from the start.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// The servers, as written.
    #[must_use]
    pub fn places(&self) -> &[BrokerPlace] {
        &self.places
    }

    /// The first of them.
    #[must_use]
    pub const fn first(&self) -> &BrokerPlace {
        &self.first
    }

    /// Who we are there; `None`: Redis' `default`, or for NATS the bearer of a token.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password in the address, if any.
    #[must_use]
    pub const fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

fn place(text: &str, default: u16) -> Option<BrokerPlace> {
    let authority: http::uri::Authority = text.parse().ok()?;
    let after = text.strip_prefix(authority.host())?;
    if authority.host().is_empty() || (!after.is_empty() && authority.port_u16().is_none()) {
        return None;
    }
    Some(BrokerPlace {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port: authority.port_u16().unwrap_or(default),
    })
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn places(url: &BrokerUrl) -> Vec<String> {
        url.places().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_is_understood_and_its_password_not_shown() {
        let url = BrokerUrl::parse("redis://ana:s3%40cret@bus.example.org:7000/").unwrap();
        assert_eq!(url.first().to_string(), "bus.example.org:7000");
        assert_eq!(url.user(), Some("ana"));
        assert_eq!(url.password().unwrap().expose_secret(), "s3@cret");
        assert_eq!(format!("{url:?}"), "redis://ana:(hidden)@bus.example.org:7000");
        let url = BrokerUrl::parse("redis://:s3cret@[::1]").unwrap();
        assert_eq!((places(&url), url.user()), (vec!["[::1]:6379".to_owned()], None));
        assert!(!format!("{url:?} {}", url.shown()).contains("s3cret"));
        assert!(BrokerUrl::parse("redis://bus").unwrap().password().is_none());
    }

    #[test]
    fn several_servers_stand_between_commas() {
        let url = BrokerUrl::parse("rediss+sentinel://ana@s1,[::1]:7,s3:26380/main").unwrap();
        assert_eq!(places(&url), ["s1:26379", "[::1]:7", "s3:26380"]);
        let master = "main".to_owned();
        assert_eq!(url.kind(), &BusKind::Sentinel { master });
        assert!(url.is_tls());
        assert_eq!(url.shown(), "rediss+sentinel://ana@s1,[::1]:7,s3:26380/main");
        let url = BrokerUrl::parse("redis+cluster://a,b:7001/").unwrap();
        assert_eq!((url.kind(), url.is_tls()), (&BusKind::Cluster, false));
        let url = BrokerUrl::parse("tls://:t0ken@n1,n2").unwrap();
        assert_eq!((url.kind(), url.is_tls()), (&BusKind::Nats, true));
        assert_eq!(url.shown(), "tls://:(hidden)@n1,n2");
        assert_eq!(places(&url), ["n1:4222", "n2:4222"]);
    }

    #[test]
    fn what_is_wrong_with_an_address_has_a_name() {
        for (text, error) in [
            ("", BrokerUrlError::Scheme(None)),
            ("redis://", BrokerUrlError::Place),
            ("bus:6379", BrokerUrlError::Scheme(None)),
            ("http://bus", BrokerUrlError::Scheme(None)),
            ("redid://bus", BrokerUrlError::Scheme(Some("redis"))),
            (
                "redis+sentinels://s/m",
                BrokerUrlError::Scheme(Some("redis+sentinel")),
            ),
            ("redis://bus/3", BrokerUrlError::Rest),
            ("redis://bus?x=1", BrokerUrlError::Rest),
            ("redis://bus:99999", BrokerUrlError::Place),
            ("redis://bus:", BrokerUrlError::Place),
            ("redis://a,b", BrokerUrlError::Several),
            ("redis+cluster://a,,b", BrokerUrlError::Place),
            ("redis+cluster://a/0", BrokerUrlError::Rest),
            ("redis+sentinel://a,b", BrokerUrlError::NoMaster),
            ("redis+sentinel://a,b/", BrokerUrlError::NoMaster),
        ] {
            assert_eq!(BrokerUrl::read(text).err(), Some(error), "{text}");
        }
    }
}
