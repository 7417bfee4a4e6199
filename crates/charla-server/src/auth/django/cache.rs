//! Django's cache in Redis, asked for one value with its time. Connections stay for the next question; a question has a
//! time limit, and takes its connection with it when it is given up.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::signing::SESSION_MAX;
use crate::broker::BrokerSetupError;
use crate::broker::redis::link::{Commands, Files, Host, Link};
use crate::broker::redis::resp::Value;
use crate::broker::remote::ended::Ended;
use crate::settings::{DjangoSettings, RedisUrl};

/// From the connection to the answer.
const WITHIN: Duration = Duration::from_secs(2);
/// Connections that stay open when nothing is asked; what is asked beyond opens and closes its own.
const IDLE_MAX: usize = 8;

/// Where the cache is.
pub(super) struct Cache {
    host: Host,
    idle: Mutex<Vec<Link>>,
}

/// A value, and for how many ms it stays; negative: for good.
pub(super) type Kept = (Bytes, i64);

impl Cache {
    /// Reads the files that let us in; connects to nothing yet.
    ///
    /// # Errors
    /// The file that cannot be used.
    pub(super) fn new(url: &RedisUrl, django: &DjangoSettings) -> Result<Self, BrokerSetupError> {
        let named = |key, path: &Option<_>| path.clone().map(|path| (key, path));
        let files = Files {
            password: named("auth.django.cache_password_file", &django.cache_password_file),
            ca: named("auth.django.cache_ca_file", &django.cache_ca_file),
            ..Files::default()
        };
        Ok(Self {
            host: Host::new(url, &files)?,
            idle: Mutex::default(),
        })
    }

    /// The value under a key.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Kept>, Ended> {
        timeout(WITHIN, self.asked(key)).await.unwrap_or_else(|_| {
            Err(Ended::Slow {
                at: self.host.shown.clone(),
                within: WITHIN,
            })
        })
    }

    async fn asked(&self, key: &str) -> Result<Option<Kept>, Ended> {
        let mut commands = Commands::default();
        commands.put(&[b"GET", key.as_bytes()]);
        commands.put(&[b"PTTL", key.as_bytes()]);
        let idle = self.idle.lock().pop();
        let kept = match idle {
            Some(mut link) => link.ask(&commands).await.ok().map(|answers| (link, answers)),
            None => None,
        };
        // The server may have closed what lay idle, or all of it, with a restart.
        let (link, answers) = match kept {
            Some(kept) => kept,
            None => {
                self.idle.lock().clear();
                let mut link = self.host.connect().await?;
                let answers = link.ask(&commands).await?;
                (link, answers)
            }
        };
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(link);
        }
        drop(idle);
        let [value, left] = answers.as_slice() else {
            return Err(Ended::Garbled("Redis 6 or newer"));
        };
        let Value::Text(value) = value else {
            return Ok(None);
        };
        if u64::try_from(value.len()).is_ok_and(|length| length > SESSION_MAX) {
            return Err(Ended::Refused("the session is larger than 1 MiB".into()));
        }
        // -2: it went away between the two questions.
        let left = left.number::<i64>().filter(|left| *left != -2);
        Ok(left.map(|left| (value.clone(), left)))
    }
}

/// What to do about an answer that did not come, in the words of `[auth.django]`.
pub(super) fn advice(ended: &Ended) -> &'static str {
    match ended.why() {
        "tls" => {
            "name the authority that signed the server's certificate in `auth.django.cache_ca_file`; a name in `auth.django.cache_url` must be one that the certificate has"
        }
        "auth" => {
            "check the user in `auth.django.cache_url` and the password in `auth.django.cache_password_file` or CHARLA_AUTH_DJANGO_CACHE_URL"
        }
        "permission" => "give the user the commands GET, PTTL and SELECT",
        "protocol" => "is `auth.django.cache_url` the right port, with or without TLS?",
        _ => "does it run, and may this machine reach it?",
    }
}
