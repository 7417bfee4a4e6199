//! What the application says of itself: Django's settings, a Charla server's own answers.

use serde::{Deserialize, Serialize};

/// Django's settings, read without running them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DjangoSeen {
    /// The settings file.
    pub settings: String,
    /// How it was found.
    pub from: String,
    /// Settings whose value could not be told without running the file: `NAME at file:line`.
    pub unknown: Vec<String>,
    /// Defaults that were taken for environment variables although the process's environment could not be seen.
    pub assumed: Vec<String>,
    /// Something that the settings import could not be followed: what is missing here may be there.
    pub incomplete: bool,
    /// `CHANNEL_LAYERS["default"]`; none when it is missing or empty.
    pub layer: Option<LayerSetting>,
    /// The same as other processes of the project have it, by their own environment: workers, schedulers.
    pub other_layers: Vec<LayerSetting>,
    /// Where something in `CHANNEL_LAYERS` stands that cannot be told.
    pub layer_unknown: Option<String>,
    /// Where `CHANNEL_LAYERS` stands; none when nowhere.
    pub layers_at: Option<String>,
    /// `ALLOWED_HOSTS`.
    pub allowed_hosts: Option<Vec<String>>,
    /// Where that stands.
    pub allowed_hosts_at: Option<String>,
    /// `DEBUG`.
    pub debug: Option<bool>,
    /// Whether the routing wraps an origin validator: its name.
    pub origin_validator: Option<String>,
    /// `ASGI_APPLICATION`.
    pub asgi_application: Option<String>,
    /// The file that was read for routes: asgi.py.
    pub asgi_file: Option<String>,
    /// The module of asgi.py mentions a `ProtocolTypeRouter` with `websocket`.
    pub routes_websocket: Option<bool>,
    /// The WebSocket routes, as written: `ws/chat/<int:chat_id>/`, with file:line.
    pub routes: Vec<(String, String)>,
    /// `daphne` stands in `INSTALLED_APPS`.
    pub daphne_installed: Option<bool>,
    /// `INSTALLED_APPS`, as far as they can be told.
    pub apps: Vec<String>,
    /// Engine of the default database.
    pub database_engine: Option<String>,
    /// Its address without password.
    pub database: Option<String>,
    /// `CONN_MAX_AGE`.
    pub conn_max_age: Option<f64>,
    /// `AUTH_USER_MODEL`.
    pub user_model: Option<String>,
    /// `TENANT_MODEL` of django-tenants.
    pub tenant_model: Option<String>,
    /// A key for tokens was found (`SIMPLE_JWT["SIGNING_KEY"]`, else `SECRET_KEY`): where.
    pub signing_key_at: Option<String>,
    /// `SIMPLE_JWT["ALGORITHM"]`, by default HS256.
    pub algorithm: Option<String>,
    /// `SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]` in seconds.
    pub access_lifetime_s: Option<f64>,
}

/// A channel layer as the settings have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerSetting {
    /// `channels_redis.core.RedisChannelLayer`.
    pub backend: String,
    /// Redis addresses without password.
    pub hosts: Vec<String>,
    /// `prefix`, by default `asgi`.
    pub prefix: String,
    /// `capacity`, by default 100.
    pub capacity: Option<u64>,
    /// A host gives `socket_timeout`: `none` for `None`, else seconds; missing: the client's default.
    pub socket_timeout: Option<String>,
    /// `symmetric_encryption_keys` is set.
    pub encrypted: bool,
    /// File and line.
    pub at: String,
}

/// A Charla server's own answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CharlaSeen {
    /// The preflight at the given address.
    pub preflight: Option<Preflight>,
    /// The chat is closed: it can be read, and takes no messages; none where its state was not told.
    pub chat_closed: Option<bool>,
    /// `/readyz`: status and body.
    pub ready: Option<(u16, String)>,
    /// `heartbeat_ms` of its welcome.
    pub heartbeat_ms: Option<u64>,
    /// Path of the settings file, when one was given.
    pub config: Option<String>,
}

/// What the preflight answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preflight {
    /// HTTP status.
    pub status: u16,
    /// `ok`.
    pub ok: bool,
    /// Cause id.
    pub cause: Option<String>,
    /// The server's own words, redacted.
    pub detail: String,
    /// The user's name.
    pub user: Option<String>,
    /// The server's clock.
    pub server_time: Option<f64>,
}
