//! Django's cache in Redis, asked for one value with its time: a connection for each question, which has a time limit.

use std::io;
use std::time::Duration;

use http::Uri;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::signing::SESSION_MAX;

/// From the connection to the answer.
const WITHIN: Duration = Duration::from_secs(2);
/// The longest line of an answer.
const LINE_MAX: u64 = 1024;
/// Redis' own port.
const PORT: u16 = 6379;

/// Where the cache is.
pub(super) struct Cache {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<SecretString>,
    database: u32,
}

/// A value, and for how many ms it stays; negative: for good.
pub(super) type Kept = (Vec<u8>, i64);

impl Cache {
    /// Reads `redis://user:password@host:port/database`; `None` when it is none.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?.as_str();
        let (who, _) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let plain = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .ok()
                .map(|text| text.into_owned())
        };
        let database = uri.path().trim_matches('/');
        Some(Self {
            host: (uri.scheme_str() == Some("redis"))
                .then(|| uri.host())??
                .to_owned(),
            port: uri.port_u16().unwrap_or(PORT),
            user: plain(user).filter(|user| !user.is_empty()),
            password: plain(password).filter(|text| !text.is_empty()).map(Into::into),
            database: if database.is_empty() {
                0
            } else {
                database.parse().ok()?
            },
        })
    }

    /// The value under a key.
    pub(super) async fn get(&self, key: &str) -> io::Result<Option<Kept>> {
        timeout(WITHIN, self.asked(key))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn asked(&self, key: &str) -> io::Result<Option<Kept>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let mut redis = BufReader::new(stream);
        if let Some(password) = &self.password {
            let mut words = vec!["AUTH"];
            words.extend(self.user.as_deref());
            words.push(password.expose_secret());
            ask(&mut redis, &words).await?;
        }
        ask(&mut redis, &["SELECT", &self.database.to_string()]).await?;
        let Some(value) = ask(&mut redis, &["GET", key]).await? else {
            return Ok(None);
        };
        let left = ask(&mut redis, &["PTTL", key]).await?.unwrap_or_default();
        let left = std::str::from_utf8(&left).ok().and_then(|left| left.parse().ok());
        // -2: it went away between the two questions.
        Ok(left.filter(|left| *left != -2).map(|left| (value, left)))
    }
}

/// One command and its answer, in RESP2.
async fn ask(redis: &mut BufReader<TcpStream>, words: &[&str]) -> io::Result<Option<Vec<u8>>> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    redis.write_all(command.as_bytes()).await?;
    let mut line = String::new();
    redis.take(LINE_MAX).read_line(&mut line).await?;
    let garbled = || io::Error::new(io::ErrorKind::InvalidData, "this is no Redis");
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or_else(garbled)?;
    match kind {
        "+" | ":" => Ok(Some(rest.as_bytes().to_vec())),
        "-" => Err(io::Error::other(rest.to_owned())),
        "$" if rest == "-1" => Ok(None),
        "$" => {
            let length: u64 = rest.parse().map_err(|_| garbled())?;
            if length > SESSION_MAX {
                return Err(io::Error::other("the session is larger than 1 MiB"));
            }
            let mut value = vec![0; usize::try_from(length + 2).map_err(|_| garbled())?];
            redis.read_exact(&mut value).await?;
            value.truncate(value.len().saturating_sub(2));
            Ok(Some(value))
        }
        _ => Err(garbled()),
    }
}
