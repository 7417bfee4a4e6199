//! What an operator can set, as the rest of the server sees it: every value present, checked, in its own unit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

mod application;
mod attachments;
mod authority;
mod bridge;
mod broker_url;
mod console;
mod default_file;
mod django;
mod history;
mod keys;
mod limits;
mod load;
mod near;
mod problem;
mod redis_url;
mod relations;
mod retention;
mod rule;
mod search;
mod secrets;
mod slot;
mod source;
mod store;
mod store_url;
mod telemetry;
mod tenant_limits;
#[cfg(test)]
mod tests;
mod units;
pub(crate) mod webhooks;

pub use application::{ApplicationSettings, ApplicationUrl, DatabaseKind, DatabaseTls, MysqlUrl};
pub use attachments::{AttachmentSettings, MediaTypes, S3Settings};
pub use authority::{AuthorityKind, AuthorityPreset, AuthoritySettings, QUERY_NAMES};
pub use bridge::{
    BridgeSettings, ChannelLayer, EventKind, EventSettings, GroupName, GroupNameError, GroupSettings, Named,
    Serializer,
};
pub use broker_url::{BrokerPlace, BrokerSettings, BrokerUrl, BusKind};
pub use console::ConsoleSettings;
pub use default_file::default_file;
pub use django::{DjangoSettings, SessionBackend};
pub use history::HistorySettings;
pub(crate) use history::{BACKFILL_NAMES as HISTORY_BACKFILL_NAMES, NAMES as HISTORY_NAMES};
pub use limits::{LimitSettings, WhenFull};
pub use load::{Loaded, Shown, load};
pub use near::nearest;
pub use problem::{Place, Problem};
pub use redis_url::RedisUrl;
pub use retention::{Kept, RetentionSettings};
pub use search::SearchSettings;
pub use store::StoreSettings;
pub use store_url::StoreUrl;
pub use telemetry::TelemetrySettings;
pub use tenant_limits::{GivenLimit, LimitSources, LimitValue};
pub use units::{parse_duration, print_duration};
pub use webhooks::{WebhookEndpointSettings, WebhookSettings};

/// Everything that can be set. [`Default`] is what `charla config default` prints.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Sockets and HTTP.
    pub server: ServerSettings,
    /// Which pages may connect.
    pub origins: OriginSettings,
    /// Whose tokens are believed.
    pub auth: AuthSettings,
    /// Where chats live.
    pub store: StoreSettings,
    /// How several nodes hear of each other.
    pub broker: BrokerSettings,
    /// The application's own database.
    pub application: ApplicationSettings,
    /// Who says who may enter.
    pub authority: AuthoritySettings,
    /// Django Channels, beside Charla.
    pub bridge: BridgeSettings,
    /// How much anybody may do.
    pub limits: LimitSettings,
    /// Where those figures come from, and tenants' own.
    pub limit_sources: LimitSources,
    /// Pings and presence.
    pub liveness: LivenessSettings,
    /// Front ends that know nothing of Charla.
    pub plain: PlainSettings,
    /// permessage-deflate.
    pub compression: CompressionSettings,
    /// What is written down.
    pub log: LogSettings,
    /// Who may read `/metrics`.
    pub metrics: MetricsSettings,
    /// The operator's overview.
    pub console: ConsoleSettings,
    /// How long messages are kept.
    pub retention: RetentionSettings,
    /// Whether messages are found by their words.
    pub search: SearchSettings,
    /// Where traces go.
    pub telemetry: TelemetrySettings,
    /// What the application is told over HTTP.
    pub webhooks: WebhookSettings,
    /// Files of messages.
    pub attachments: AttachmentSettings,
}

/// How a handshake that a gate refuses is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rejects {
    /// 101, then a close frame with code and cause: the only way a browser learns it.
    #[default]
    Close,
    /// The HTTP status: for native clients.
    Http,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Address and port to listen on; port 0 picks one.
    pub listen: SocketAddr,
    /// How the world names this server (`https://chat.example.org`); same-origin is judged by it too. Empty: by the Host header.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether those proxies begin each connection with a PROXY header.
    pub proxy_protocol: bool,
    /// The certificate chain in PEM that the world is shown; with [`Self::tls_key_file`]. `None`: HTTP in the clear.
    pub tls_cert_file: Option<PathBuf>,
    /// Its key in PEM.
    pub tls_key_file: Option<PathBuf>,
    /// From the first byte to the end of the request's head.
    pub handshake_timeout: Duration,
    /// Bytes of a request's head.
    pub max_head_bytes: usize,
    /// Header lines of a request.
    pub max_headers: usize,
    /// Bytes of a request's target.
    pub max_uri_bytes: usize,
    /// How refusals are answered.
    pub rejects: Rejects,
    /// From SIGTERM to the drain: not ready any more, and serving as before.
    pub pre_stop: Duration,
    /// From the drain's beginning to the end.
    pub drain: Duration,
    /// The tenant of requests that name none.
    pub default_tenant: Option<charla_wire::TenantId>,
    /// Whether this is the demo, whose pages offer its own people to sign in as. No key sets it.
    pub demo: bool,
}

/// `[origins]`
#[derive(Debug, Clone)]
pub struct OriginSettings {
    /// Exact origins (`https://app.example.org`) besides the server's own; `*` alone allows all.
    pub allow: Vec<String>,
    /// Whether a client without an Origin header (a native one) may connect.
    pub allow_missing: bool,
    /// Whether pages of this machine (`localhost`, `127.0.0.1`, `[::1]`, any port) may connect: for development.
    pub allow_loopback: bool,
}

/// A signature algorithm; each key is pinned to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// What verifies a signature.
#[derive(Debug, Clone)]
pub enum KeyMaterial {
    /// A shared secret (HS*).
    Secret(SecretString),
    /// A public key in PEM (RS256, ES256, EdDSA).
    PublicPem(String),
}

/// `[[auth.keys]]`: one key that tokens may be signed with.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// The `kid` that chooses it; a key without one serves tokens without one.
    pub kid: Option<String>,
    /// The only algorithm it is used with.
    pub algorithm: Algorithm,
    /// The key.
    pub material: KeyMaterial,
    /// The tenant whose tokens it signs; `None`: the token's own tenant claim, or the address, says.
    pub tenant: Option<charla_wire::TenantId>,
}

/// `[auth.claims]`: where a token says what.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// The user's id (text or number).
    pub user: String,
    /// The user's name.
    pub name: String,
    /// The tenant.
    pub tenant: String,
    /// The role: `agent` makes support staff.
    pub role: String,
}

/// `[auth]`
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// Keys besides the server's own.
    pub keys: Vec<KeySettings>,
    /// A JSON Web Key Set to fetch keys from.
    pub jwks_url: Option<String>,
    /// How old a fetched key set may be before it is fetched again in the background.
    pub jwks_max_age: Duration,
    /// The `iss` that tokens by foreign keys must have.
    pub issuer: Option<String>,
    /// The `aud` that tokens by foreign keys must have.
    pub audience: Option<String>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// Claim names.
    pub claims: ClaimNames,
    /// Whether users that the store does not know are made from a valid foreign token.
    pub create_users: bool,
    /// Whether built-in accounts may sign in at `/api/token/`.
    pub accounts: bool,
    /// Life of a built-in access token.
    pub access_ttl: Duration,
    /// Life of a built-in refresh token.
    pub refresh_ttl: Duration,
    /// The secret that built-in tokens are signed with; `None`: made once and kept in the store.
    pub secret: Option<SecretString>,
    /// What Django knows of tokens and sessions.
    pub django: DjangoSettings,
}

/// `[liveness]`
#[derive(Debug, Clone)]
pub struct LivenessSettings {
    /// Silence before the server pings. Shorter than the 60 s idle cut-off common in proxies.
    pub ping_after: Duration,
    /// Time to answer a ping.
    pub pong_within: Duration,
    /// How long a person who lost the connection still counts as present.
    pub presence_linger: Duration,
}

/// How the plain dialect names its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DialectPreset {
    /// `text`, `author`.
    #[default]
    Plain,
    /// `texto`, `autor`, `tenant`, `{"error"}`, `chat_closed`, `nueva_notificacion`.
    ChannelsEs,
}

/// `[plain]`
#[derive(Debug, Clone)]
pub struct PlainSettings {
    /// The preset.
    pub dialect: DialectPreset,
    /// The field with the words, if not the preset's.
    pub text_field: Option<String>,
    /// The field with the author's name, if not the preset's.
    pub author_field: Option<String>,
    /// Whether a line that is no JSON object is taken as the words themselves.
    pub bare_text: bool,
}

/// `[compression]`
#[derive(Debug, Clone)]
pub struct CompressionSettings {
    /// Whether permessage-deflate is offered.
    pub enabled: bool,
    /// Messages below this many bytes go uncompressed.
    pub min_bytes: usize,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// The shape.
    pub format: LogFormat,
    /// A level or `tracing` filter (`info,charla_server=debug`).
    pub filter: String,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// Networks that may read `/metrics`, and what the store says at `/readyz`.
    pub allow: Vec<IpNet>,
}

impl ServerSettings {
    /// Where certificate and key stand, when both are set.
    #[must_use]
    pub fn tls_files(&self) -> Option<crate::TlsFiles> {
        let (certificate, key) = (self.tls_cert_file.clone()?, self.tls_key_file.clone()?);
        Some(crate::TlsFiles { certificate, key })
    }

    /// Whether an address is one of our own proxies'.
    #[must_use]
    pub fn trusts(&self, address: &IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(address))
    }
}

impl MetricsSettings {
    /// Whether figures, and what only those who see them are told, may go to an address.
    #[must_use]
    pub fn shows(&self, address: &IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(address))
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9001)),
            public_url: None,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            tls_cert_file: None,
            tls_key_file: None,
            handshake_timeout: Duration::from_secs(5),
            max_head_bytes: 32 * 1024,
            max_headers: 100,
            max_uri_bytes: 8 * 1024,
            rejects: Rejects::Close,
            pre_stop: Duration::ZERO,
            drain: Duration::from_secs(25),
            default_tenant: None,
            demo: false,
        }
    }
}

impl Default for OriginSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            allow_missing: true,
            allow_loopback: false,
        }
    }
}

impl Default for ClaimNames {
    /// SimpleJWT's names.
    fn default() -> Self {
        Self {
            user: "user_id".into(),
            name: "name".into(),
            tenant: "tenant".into(),
            role: "role".into(),
        }
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            jwks_url: None,
            jwks_max_age: Duration::from_secs(600),
            issuer: None,
            audience: None,
            leeway: Duration::from_secs(10),
            claims: ClaimNames::default(),
            create_users: true,
            accounts: true,
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(7 * 24 * 3600),
            secret: None,
            django: DjangoSettings::default(),
        }
    }
}

impl Default for LivenessSettings {
    fn default() -> Self {
        Self {
            ping_after: Duration::from_secs(25),
            pong_within: Duration::from_secs(8),
            presence_linger: Duration::from_secs(15),
        }
    }
}

impl Default for PlainSettings {
    fn default() -> Self {
        Self {
            dialect: DialectPreset::Plain,
            text_field: None,
            author_field: None,
            bare_text: false,
        }
    }
}

impl Default for CompressionSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            min_bytes: 256,
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            filter: "info".into(),
        }
    }
}

impl Default for MetricsSettings {
    fn default() -> Self {
        let loopback = [
            IpNet::new(Ipv4Addr::LOCALHOST.into(), 8),
            IpNet::new(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        Self {
            allow: loopback.into_iter().flatten().map(|net| net.trunc()).collect(),
        }
    }
}
