//! A Redis address as applications write it: whole for the connection, without its secrets for people.
//!
//! `redis://`, `rediss://`, `unix://` and `redis+socket://`, with the parameters that redis-py knows (`db`, `username`,
//! `password`, `ssl_cert_reqs`, `ssl_ca_certs`). It has no `Debug`: it holds a password.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// The port that Redis registered.
const PORT: u16 = 6379;

/// Where a Redis is, and how to be let in.
#[derive(Clone)]
pub(crate) struct Address {
    /// Where.
    pub(crate) place: Place,
    /// The ACL user.
    pub(crate) user: Option<String>,
    /// The password.
    pub(crate) password: Option<String>,
    /// The database's number.
    pub(crate) database: u32,
}

/// Where a Redis listens.
#[derive(Clone)]
pub(crate) enum Place {
    /// TCP, in the clear or under TLS.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// `rediss`.
        tls: Option<Trust>,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// What the application believes of a certificate.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    /// `ssl_cert_reqs=none`: anything.
    pub(crate) anything: bool,
    /// `ssl_ca_certs`.
    pub(crate) authorities: Option<PathBuf>,
}

impl Address {
    /// Reads one.
    ///
    /// # Errors
    /// Why it is none; the words never repeat it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or("it has no scheme such as redis://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let options: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let option = |name: &str| {
            options
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let mut address = match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => Self::tcp(rest, None)?,
            "rediss" | "valkeys" => {
                let anything =
                    option("ssl_cert_reqs").is_some_and(|asked| asked.eq_ignore_ascii_case("none"));
                let authorities = option("ssl_ca_certs").map(PathBuf::from);
                Self::tcp(
                    rest,
                    Some(Trust {
                        anything,
                        authorities,
                    }),
                )?
            }
            "unix" | "redis+socket" => Self::unix(rest),
            _ => return Err("its scheme is none of redis, rediss and unix"),
        };
        if let Some(number) = option("db").or_else(|| option("virtual_host")) {
            address.database = number.parse().map_err(|_| "its database is no number")?;
        }
        address.user = option("username").or(address.user);
        address.password = option("password").or(address.password);
        Ok(address)
    }

    fn tcp(rest: &str, tls: Option<Trust>) -> Result<Self, &'static str> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('#') {
            return Err("an unencoded `#` ends it in the middle: write %23");
        }
        let (user, password, place) = split_user(authority);
        let (host, port) = split_port(place)?;
        let path = path.trim_matches('/');
        let database = match path {
            "" => 0,
            // redis-py ignores a path that is no number; a password with an unencoded slash looks like this.
            _ if path.contains('@') => {
                return Err("an unencoded `/` in its password ends it in the middle: write %2F");
            }
            _ => path.parse().unwrap_or(0),
        };
        Ok(Self {
            place: Place::Tcp { host, port, tls },
            user,
            password,
            database,
        })
    }

    fn unix(rest: &str) -> Self {
        let (who, path) = match rest.split_once('/') {
            Some((who, path)) => (who, format!("/{path}")),
            None => ("", rest.to_owned()),
        };
        let (user, password, _) = split_user(who);
        Self {
            place: Place::Unix(PathBuf::from(decoded(&path))),
            user,
            password,
            database: 0,
        }
    }

    /// For people: without user and password.
    pub(crate) fn shown(&self) -> String {
        let database = self.database;
        match &self.place {
            Place::Tcp { host, port, tls } => {
                let scheme = if tls.is_some() { "rediss" } else { "redis" };
                if host.contains(':') {
                    format!("{scheme}://[{host}]:{port}/{database}")
                } else {
                    format!("{scheme}://{host}:{port}/{database}")
                }
            }
            Place::Unix(path) => format!("unix://{}?db={database}", path.display()),
        }
    }
}

/// `user:password@place`, percent-decoded.
fn split_user(authority: &str) -> (Option<String>, Option<String>, &str) {
    let Some((who, place)) = authority.rsplit_once('@') else {
        return (None, None, authority);
    };
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let some = |text: &str| (!text.is_empty()).then(|| decoded(text));
    (some(user), some(password), place)
}

fn split_port(place: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("its IPv6 address has no `]`")?;
        (host, after.strip_prefix(':'))
    } else {
        match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    let host = if host.is_empty() { "localhost" } else { host };
    let port = match port {
        None | Some("") => PORT,
        Some(port) => port.parse().map_err(|_| "its port is no number up to 65535")?,
    };
    Ok((decoded(host), port))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_redis_py_reads_it() {
        for (text, shown, user, password) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0", None, None),
            (
                "redis://:s3cret%21@h:6380/2",
                "redis://h:6380/2",
                None,
                Some("s3cret!"),
            ),
            (
                "rediss://app:p%40ss@h/1?ssl_cert_reqs=none",
                "rediss://h:6379/1",
                Some("app"),
                Some("p@ss"),
            ),
            ("redis://h:1/0?db=5&password=x", "redis://h:1/5", None, Some("x")),
            ("redis://[::1]:7/", "redis://[::1]:7/0", None, None),
            (
                "unix:///run/redis.sock?db=3",
                "unix:///run/redis.sock?db=3",
                None,
                None,
            ),
            (
                "unix://:pw@/run/redis.sock",
                "unix:///run/redis.sock?db=0",
                None,
                Some("pw"),
            ),
            ("redis://u:a@b@h", "redis://h:6379/0", Some("u"), Some("a@b")),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.shown(), shown);
            assert_eq!(
                (address.user.as_deref(), address.password.as_deref()),
                (user, password),
                "{text}"
            );
        }
    }

    #[test]
    fn says_why_it_cannot_be_read_and_repeats_nothing() {
        for text in [
            "127.0.0.1:6379",
            "http://h",
            "redis://:pa#ss@h:1",
            "redis://:pa/ss@h:1/0",
            "redis://h:port",
            "redis://h/0?db=x",
        ] {
            let words = Address::parse(text).err().unwrap();
            assert!(!words.contains("ss@h"), "{words}");
        }
    }
}
