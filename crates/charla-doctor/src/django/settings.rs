//! What of the settings matters to a chat: with their secrets here, without them in [`DjangoSeen`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::layer::Layer;
use super::routing::Routing;
use super::run::Bound;
use super::value::Value;
use crate::evidence::DjangoSeen;

/// Settings as far as they could be read. Holds secrets: [`Settings::seen`] is what may be shown.
pub struct Settings {
    pub(super) file: PathBuf,
    pub(super) root: PathBuf,
    pub(super) from: String,
    pub(super) names: BTreeMap<String, Bound>,
    pub(super) missing: Vec<String>,
    pub(super) assumed: Vec<String>,
    pub(super) routing: Routing,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// What SimpleJWT is told, with its own defaults. Holds secrets.
#[derive(Clone)]
pub struct Jwt {
    /// The key that signs; none when it could not be told.
    pub signing_key: Option<String>,
    /// The key that verifies, for algorithms with two.
    pub verifying_key: Option<String>,
    /// `HS256` by default.
    pub algorithm: String,
    /// `ACCESS_TOKEN_LIFETIME` in seconds.
    pub access_lifetime_s: f64,
    /// The claim with the user's id.
    pub user_id_claim: String,
    /// The user's field with it.
    pub user_id_field: String,
    /// `ISSUER`.
    pub issuer: Option<String>,
    /// `AUDIENCE`: one of these.
    pub audience: Vec<String>,
    /// `LEEWAY` in seconds.
    pub leeway_s: f64,
    /// Where the key stands.
    pub key_at: Option<String>,
}

/// The default database. Holds a password.
#[derive(Clone, Default)]
pub struct Database {
    /// `django.db.backends.postgresql`.
    pub engine: String,
    /// Its name; a file's path for SQLite.
    pub name: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// Host, or the folder of a socket; empty is the engine's default.
    pub host: String,
    /// Port; empty is the engine's default.
    pub port: String,
    /// File and line.
    pub at: String,
}

impl Database {
    /// Without password.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.is_sqlite() {
            return format!("sqlite:{}", self.name);
        }
        let scheme = if self.is_postgres() { "postgresql" } else { "mysql" };
        let host = if self.host.is_empty() {
            "localhost"
        } else {
            &self.host
        };
        let port = if self.port.is_empty() {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        format!("{scheme}://{host}{port}/{}", self.name)
    }

    /// With it, as PostgreSQL's and SQLite's clients read it.
    #[must_use]
    pub fn url(&self) -> String {
        if self.is_sqlite() || self.user.is_empty() {
            return self.shown();
        }
        let encoded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let password = if self.password.is_empty() {
            String::new()
        } else {
            format!(":{}", encoded(&self.password))
        };
        self.shown()
            .replacen("://", &format!("://{}{password}@", encoded(&self.user)), 1)
    }

    /// SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.engine.contains("sqlite")
    }

    /// PostgreSQL, also under django-tenants, PostGIS and the like.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        ["postgres", "postgis", "psycopg"]
            .iter()
            .any(|name| self.engine.contains(name))
    }
}

impl Settings {
    /// A setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.names.get(name).map(|bound| &bound.value)
    }

    /// Where a setting stands: file and line.
    #[must_use]
    pub fn at(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(|bound| bound.at.as_str())
    }

    /// The project's folder.
    #[must_use]
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// A text, where it is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(Value::text)
    }

    /// Texts of a list; none when it is missing or anything in it cannot be told.
    #[must_use]
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        let value = self.get(name)?;
        if value.unknown().is_some() {
            return None;
        }
        Some(value.list()?.iter().filter_map(Value::text).collect())
    }

    /// What SimpleJWT is told; none when the project does not use it.
    #[must_use]
    pub fn jwt(&self) -> Option<Jwt> {
        let given = self.get("SIMPLE_JWT");
        if given.is_none() && !self.mentions("rest_framework_simplejwt") {
            return None;
        }
        let own = |name: &str| given.and_then(|given| given.get(name));
        let text = |name: &str| own(name).and_then(Value::text).filter(|text| !text.is_empty());
        let (signing_key, key_at) = match own("SIGNING_KEY") {
            Some(key) => (key.text(), "SIMPLE_JWT"),
            None => (self.text("SECRET_KEY"), "SECRET_KEY"),
        };
        let audience = match own("AUDIENCE") {
            Some(Value::List(items)) => items.iter().filter_map(Value::text).collect(),
            other => other.and_then(Value::text).into_iter().collect(),
        };
        Some(Jwt {
            key_at: self
                .at(key_at)
                .filter(|_| signing_key.is_some())
                .map(|at| format!("{key_at} at {at}")),
            signing_key,
            verifying_key: text("VERIFYING_KEY"),
            algorithm: text("ALGORITHM").unwrap_or_else(|| "HS256".into()),
            access_lifetime_s: own("ACCESS_TOKEN_LIFETIME")
                .and_then(Value::number)
                .unwrap_or(300.0),
            user_id_claim: text("USER_ID_CLAIM").unwrap_or_else(|| "user_id".into()),
            user_id_field: text("USER_ID_FIELD").unwrap_or_else(|| "id".into()),
            issuer: text("ISSUER"),
            audience,
            leeway_s: own("LEEWAY").and_then(Value::number).unwrap_or(0.0),
        })
    }

    fn mentions(&self, package: &str) -> bool {
        let apps = self
            .get("INSTALLED_APPS")
            .and_then(Value::list)
            .unwrap_or_default();
        let classes = self
            .get("REST_FRAMEWORK")
            .and_then(|value| value.get("DEFAULT_AUTHENTICATION_CLASSES"));
        let classes = classes.and_then(Value::list).unwrap_or_default();
        apps.iter()
            .chain(classes)
            .filter_map(Value::text)
            .any(|name| name.starts_with(package))
    }

    /// The default channel layer; none when there is none, or it cannot be told.
    #[must_use]
    pub fn layer(&self) -> Option<Layer> {
        let bound = self.names.get("CHANNEL_LAYERS")?;
        Layer::read(bound.value.get("default")?, &bound.at)
    }

    /// The default database.
    #[must_use]
    pub fn database(&self) -> Option<Database> {
        let bound = self.names.get("DATABASES")?;
        let given = bound.value.get("default")?;
        let text = |name: &str| given.get(name).and_then(Value::text).unwrap_or_default();
        Some(Database {
            engine: given.get("ENGINE")?.text()?,
            name: text("NAME"),
            user: text("USER"),
            password: text("PASSWORD"),
            host: text("HOST"),
            port: text("PORT"),
            at: bound.at.clone(),
        })
    }

    /// Settings that matter here and cannot be told, and what could not be followed.
    fn unknown(&self) -> Vec<String> {
        const ASKED: [&str; 8] = [
            "CHANNEL_LAYERS",
            "SECRET_KEY",
            "SIMPLE_JWT",
            "DATABASES",
            "ALLOWED_HOSTS",
            "DEBUG",
            "ASGI_APPLICATION",
            "INSTALLED_APPS",
        ];
        let mut rows = Vec::new();
        for name in ASKED {
            if let Some(unknown) = self.get(name).and_then(Value::unknown) {
                let needs = unknown
                    .needs
                    .as_ref()
                    .map(|needs| format!(" (environment variable {needs})"))
                    .unwrap_or_default();
                rows.push(format!("{name} at {}{needs}", unknown.at));
            }
        }
        rows.extend(self.missing.iter().cloned());
        rows.extend(
            self.names
                .keys()
                .filter_map(|name| name.strip_prefix('*'))
                .map(|at| format!("an import at {at}")),
        );
        rows
    }

    /// What may be shown.
    #[must_use]
    pub fn seen(&self) -> DjangoSeen {
        let jwt = self.jwt();
        let database = self.database();
        let apps = self.get("INSTALLED_APPS").and_then(Value::list);
        let apps: Option<Vec<String>> = apps.map(|apps| apps.iter().filter_map(Value::text).collect());
        let layers = self.get("CHANNEL_LAYERS");
        let debug = match self.get("DEBUG") {
            Some(value) if value.unknown().is_none() => value.truth(),
            Some(_) => None,
            None => Some(false),
        };
        let routed = self.routing.file.is_some();
        DjangoSeen {
            settings: self.file.display().to_string(),
            from: self.from.clone(),
            unknown: self.unknown(),
            assumed: self.assumed.clone(),
            incomplete: !self.missing.is_empty() || self.names.keys().any(|name| name.starts_with('*')),
            layer: self.layer().map(|layer| layer.seen()),
            other_layers: Vec::new(),
            layer_unknown: layers.and_then(Value::unknown).map(|unknown| unknown.at.clone()),
            layers_at: self.at("CHANNEL_LAYERS").map(str::to_owned),
            allowed_hosts: self.texts("ALLOWED_HOSTS"),
            allowed_hosts_at: self.at("ALLOWED_HOSTS").map(str::to_owned),
            debug,
            origin_validator: self.routing.validator.clone(),
            asgi_application: self.text("ASGI_APPLICATION"),
            asgi_file: self.routing.file.as_ref().map(|file| file.display().to_string()),
            routes_websocket: routed.then_some(self.routing.websocket),
            routes: self.routing.routes.clone(),
            daphne_installed: apps.as_ref().map(|apps| apps.iter().any(|app| app == "daphne")),
            apps: apps.unwrap_or_default(),
            database_engine: database.as_ref().map(|database| database.engine.clone()),
            database: database.as_ref().map(Database::shown),
            conn_max_age: self
                .get("DATABASES")
                .and_then(|all| all.at(&["default", "CONN_MAX_AGE"]))
                .and_then(Value::number),
            user_model: self.text("AUTH_USER_MODEL"),
            tenant_model: self.text("TENANT_MODEL"),
            signing_key_at: match &jwt {
                Some(jwt) => jwt.key_at.clone(),
                None => self
                    .text("SECRET_KEY")
                    .and(self.at("SECRET_KEY"))
                    .map(|at| format!("SECRET_KEY at {at}")),
            },
            algorithm: jwt.as_ref().map(|jwt| jwt.algorithm.clone()),
            access_lifetime_s: jwt.map(|jwt| jwt.access_lifetime_s),
        }
    }
}
