//! What the application is set to use: its Redis, its database, its keys; and the questions to them.

use crate::evidence::{DatabaseSeen, RedisSeen, Skipped};
use crate::plan::ANSWER_WITHIN;
use crate::probe::database::{self, Sought};
use crate::probe::{Run, redis};
use crate::text::{Text, both};
use crate::token::Key;

/// What is known of the application's settings. Holds secrets: nothing prints it.
#[derive(Default)]
pub(super) struct Known {
    pub(super) redis: Option<RedisAddress>,
    pub(super) database: Option<Sought>,
    pub(super) keys: Vec<Key>,
}

/// An address with its password, and how it became known.
pub(super) struct RedisAddress {
    pub(super) url: String,
    pub(super) from: String,
    pub(super) prefix: String,
}

/// Redis, if one is known.
pub(super) async fn ask_redis(known: Option<&RedisAddress>) -> Option<RedisSeen> {
    let known = known?;
    let mut seen = redis::look_as(&known.url, &known.prefix, ANSWER_WITHIN).await;
    seen.from.clone_from(&known.from);
    Some(seen)
}

/// The database, if one is known.
pub(super) async fn ask_database(sought: Option<&Sought>) -> Option<Result<DatabaseSeen, Skipped>> {
    Some(database::look(sought?, ANSWER_WITHIN).await)
}

impl Run<'_> {
    /// What was given, then what the process's settings say.
    pub(super) fn read_settings(&mut self) {
        if let Some(url) = &self.wanted.redis {
            self.known.redis = Some(RedisAddress {
                url: url.clone(),
                from: "--redis".into(),
                prefix: "asgi".into(),
            });
        }
        if let Some(url) = &self.wanted.database {
            self.known.database = Some(self.sought(url.clone(), "--database".into()));
        }
        self.read_key();
    }

    /// `--key`: a secret, a PEM, or a file with one.
    fn read_key(&mut self) {
        let Some(given) = &self.wanted.key else { return };
        let file = std::path::Path::new(given);
        let (text, from) = match std::fs::read_to_string(file) {
            Ok(text) => (text, file.display().to_string()),
            Err(_) => (given.clone(), "--key".to_owned()),
        };
        match Key::parse(&text, from) {
            Ok(key) => self.known.keys.push(key),
            Err(error) => self.evidence.skipped.push(Skipped {
                what: both!("the key", "la clave"),
                why: Text::same(error.to_string()),
                try_this: None,
            }),
        }
    }

    fn sought(&self, url: String, from: String) -> Sought {
        let target = self.evidence.target.as_ref();
        let token = crate::token::look(self.given.as_ref(), &[], None, super::now());
        Sought {
            url,
            from,
            chat: target.and_then(|target| target.chat.clone()),
            tenant: target.and_then(|target| target.tenant.clone()).or(token.tenant),
            user: token.user,
            host: target.map(|target| target.host.clone()),
            chat_query: self.wanted.chat_query.clone(),
            member_query: self.wanted.member_query.clone(),
            django: None,
        }
    }
}
