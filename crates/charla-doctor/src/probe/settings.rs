//! What the application is set to use: its Redis, its database, its keys; and the questions to them.

use crate::django::{self, Settings};
use crate::evidence::{DatabaseSeen, DjangoSeen, Found, Kind, LayerSetting, RedisAnswer, RedisSeen, Skipped};
use crate::plan::ANSWER_WITHIN;
use crate::probe::charla::config;
use crate::probe::command::Command;
use crate::probe::database::{self, DjangoDatabase, Sought};
use crate::probe::{Run, proc, redis, sockets};
use crate::text::{Text, both};
use crate::token::Key;

/// Other processes and listeners are looked at up to so many.
const OTHERS: usize = 8;

/// What is known of the application's settings. Holds secrets: nothing prints it.
#[derive(Default)]
pub(super) struct Known {
    pub(super) redis: Option<RedisAddress>,
    pub(super) database: Option<Sought>,
    pub(super) keys: Vec<Key>,
    /// The `charla.toml` that was read.
    pub(super) charla_config: Option<String>,
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
    let is_here = ["//127.", "@127.", "//localhost", "@localhost", "[::1]"]
        .iter()
        .any(|here| seen.url.contains(here));
    if is_here && matches!(seen.answer, RedisAnswer::Unreachable(_)) {
        seen.elsewhere = redis_here();
    }
    Some(seen)
}

/// Where a Redis listens on this machine.
fn redis_here() -> Vec<String> {
    let is_redis = |pid: &u32| Command::read(&proc::argv(*pid)).kind == Kind::Redis;
    let listening = sockets::listening().into_iter();
    let own = listening.filter(|socket| socket.port().is_some() && socket.owners.iter().any(is_redis));
    own.map(|socket| socket.address()).take(OTHERS).collect()
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
        self.read_charla();
        self.read_django();
        self.read_environment();
    }

    /// `--config`, and the variables of the server's process over it.
    fn read_charla(&mut self) {
        let Some(path) = &self.wanted.config else { return };
        let app = self.scene.app.as_ref().filter(|app| app.environment_known);
        let environment = app.map(|app| app.environment.clone()).unwrap_or_default();
        let shown = path.display();
        let skipped = |why: String| Skipped {
            what: both!("the settings in {shown}", "la configuración de {shown}"),
            why: Text::same(why),
            try_this: None,
        };
        let config = match config::read(path, &environment) {
            Ok(config) => config,
            Err(error) => {
                self.evidence.skipped.push(skipped(error.to_string()));
                return;
            }
        };
        self.evidence
            .skipped
            .extend(config.faults.iter().cloned().map(skipped));
        let from = config.path.clone();
        if self.known.database.is_none() {
            self.known.database = Some(self.sought(config.store, format!("[store], {from}")));
        }
        // Other buses (Sentinel, Cluster, NATS) are not asked what a Redis is asked.
        let one_redis = |url: &String| url.starts_with("redis://") || url.starts_with("rediss://");
        if let (None, Some(url)) = (&self.known.redis, config.broker.filter(one_redis)) {
            self.known.redis = Some(RedisAddress {
                url,
                from: format!("broker.url, {from}"),
                prefix: "charla".into(),
            });
        }
        self.known.keys.extend(config.keys);
        self.known.charla_config = Some(from);
    }

    /// Django's settings, as the process on the port would read them: its folder, its environment.
    fn read_django(&mut self) {
        let app = self.scene.app.as_ref();
        let serves_python = app.is_some_and(|app| is_python(app.kind));
        let folder = self.wanted.django.clone().or_else(|| {
            let app = app.filter(|_| serves_python)?;
            app.app_folder.clone().or_else(|| app.folder.clone())
        });
        let Some(folder) = folder else { return };
        let environment = app
            .filter(|app| app.environment_known)
            .map(|app| &app.environment);
        let Some(settings) = django::find(&folder, environment, None) else {
            if self.wanted.django.is_some() {
                let folder = folder.display();
                self.evidence.skipped.push(Skipped {
                    what: both!("Django's settings", "la configuración de Django"),
                    why: both!("none found in {folder}", "no se encontró ninguna en {folder}"),
                    try_this: Some("charla doctor URL --django /path/to/settings.py".into()),
                });
            }
            return;
        };
        let seen = settings.seen();
        let (file, from) = (seen.settings.clone(), seen.from.clone());
        self.evidence.found.push(Found {
            what: both!("Django's settings: {file}", "configuración de Django: {file}"),
            from: Text::same(from),
        });
        self.take_django(&settings);
        let seen = DjangoSeen {
            other_layers: self.other_layers(&seen),
            ..seen
        };
        self.evidence.django = Some(seen);
    }

    /// The channel layers of the other processes that run from the same settings file with an environment of their own, where
    /// they differ from the server's.
    fn other_layers(&self, seen: &DjangoSeen) -> Vec<LayerSetting> {
        let Some(app) = self.scene.app.as_ref().filter(|app| app.environment_known) else {
            return Vec::new();
        };
        let Some(folder) = app.folder.as_ref() else {
            return Vec::new();
        };
        // Servers only: whoever has a shell there has other variables and publishes nothing.
        let serves = |pid: &u32| is_python(Command::read(&proc::argv(*pid)).kind);
        let beside = proc::all()
            .into_iter()
            .filter(|pid| proc::link(*pid, "cwd").as_ref() == Some(folder) && serves(pid));
        let mut others: Vec<LayerSetting> = Vec::new();
        for environment in beside
            .filter_map(proc::environment)
            .filter(|environment| *environment != app.environment)
            .take(OTHERS)
        {
            let other = django::find(
                app.app_folder.as_ref().unwrap_or(folder),
                Some(&environment),
                None,
            )
            .map(|settings| settings.seen());
            let layer = other
                .filter(|other| other.settings == seen.settings && !other.incomplete)
                .and_then(|other| other.layer);
            if let Some(layer) =
                layer.filter(|layer| Some(layer) != seen.layer.as_ref() && !others.contains(layer))
            {
                others.push(layer);
            }
        }
        others
    }

    /// Redis, database and key of the settings, where none was given.
    fn take_django(&mut self, settings: &Settings) {
        if let Some(layer) = settings.layer().filter(|layer| layer.backend.contains("redis"))
            && let Some(url) = layer.hosts.first()
        {
            let at = &layer.at;
            let from = format!("CHANNEL_LAYERS, {at}");
            // What was given is asked; the prefix is the settings' all the same.
            let known = RedisAddress {
                url: url.clone(),
                from,
                prefix: layer.prefix.clone(),
            };
            match &mut self.known.redis {
                Some(given) => given.prefix.clone_from(&layer.prefix),
                None => self.known.redis = Some(known),
            }
        }
        let database = settings
            .database()
            .filter(|database| database.is_sqlite() || database.is_postgres());
        if let Some(database) = database {
            let tenants = database.engine.contains("django_tenants");
            let user_model = settings.text("AUTH_USER_MODEL");
            let from = format!("DATABASES, {}", database.at);
            let sought = self
                .known
                .database
                .take()
                .unwrap_or_else(|| self.sought(database.url(), from));
            self.known.database = Some(Sought {
                django: Some(DjangoDatabase { user_model, tenants }),
                ..sought
            });
        }
        if let Some(jwt) = settings.jwt()
            && let Some(key) = jwt.verifying_key.as_ref().or(jwt.signing_key.as_ref())
            && let Ok(key) = Key::parse(key, jwt.key_at.clone().unwrap_or_default())
        {
            self.known.keys.push(key.with_algorithm(Some(jwt.algorithm)));
        }
    }

    /// Where no settings could be read: the variables by which most applications are told.
    fn read_environment(&mut self) {
        let Some(app) = self.scene.app.as_ref().filter(|app| app.environment_known) else {
            return;
        };
        let variable = |name: &str| {
            app.environment
                .get(name)
                .filter(|value| !value.trim().is_empty())
                .cloned()
        };
        let (redis, database) = (variable("REDIS_URL"), variable("DATABASE_URL"));
        // A layer that the settings have, or have not: this Redis serves something else.
        let told = self.evidence.django.as_ref();
        let redis = redis.filter(|_| told.is_none_or(|told| told.incomplete || told.layer_unknown.is_some()));
        if let (None, Some(url)) = (&self.known.redis, redis) {
            self.known.redis = Some(RedisAddress {
                url,
                from: "REDIS_URL, the environment of the process".into(),
                prefix: "asgi".into(),
            });
        }
        if let (None, Some(url)) = (&self.known.database, database) {
            self.known.database =
                Some(self.sought(url, "DATABASE_URL, the environment of the process".into()));
        }
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

/// Whether a Python application may stand behind such a server.
fn is_python(kind: Kind) -> bool {
    match kind {
        Kind::Uvicorn
        | Kind::Daphne
        | Kind::Hypercorn
        | Kind::GunicornAsgi
        | Kind::GunicornWsgi
        | Kind::Runserver => true,
        Kind::Charla | Kind::Node | Kind::Nginx | Kind::Redis | Kind::Postgres | Kind::Other => false,
    }
}
