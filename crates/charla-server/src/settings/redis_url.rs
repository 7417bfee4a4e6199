//! The address of one database of one Redis: of Django Channels, and of Django's cache.

use std::fmt;

use super::{BrokerUrl, BusKind};

/// An address as of `broker.url`, and the number of a database.
#[derive(Clone)]
pub struct RedisUrl {
    /// Where, and as whom.
    pub url: BrokerUrl,
    /// The number of the database.
    pub database: u32,
}

impl RedisUrl {
    /// Reads `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (server, database) = rest.rsplit_once('/').unwrap_or((rest, ""));
        let database = if database.is_empty() {
            0
        } else {
            database.parse().ok()?
        };
        let url = BrokerUrl::parse(&format!("{scheme}://{server}"))?;
        (*url.kind() == BusKind::Redis).then_some(Self { url, database })
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}/{}", self.url.shown(), self.database)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn an_address_has_a_database_and_hides_its_password() {
        let address = RedisUrl::parse("redis://:s3cret@127.0.0.1:6380/3").unwrap();
        assert_eq!((address.url.first().port, address.database), (6380, 3));
        assert_eq!(address.url.password().unwrap().expose_secret(), "s3cret");
        assert!(!format!("{address:?}").contains("s3cret"));
        assert_eq!(RedisUrl::parse("rediss://cache/").unwrap().database, 0);
        for bad in [
            "cache:6379",
            "redis://cache/x",
            "redis://a,b/0",
            "nats://cache",
            "redis+cluster://cache",
            "redis://cache/0?ssl=1",
        ] {
            assert!(RedisUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
