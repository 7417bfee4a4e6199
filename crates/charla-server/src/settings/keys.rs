//! The one table of keys: path, rule, place in [`Settings`] and a line for people.
//!
//! The default file, the names of variables, the search for unknown keys and `charla config show` read it.

use std::time::Duration;

use super::Settings;
use super::retention;
use super::rule::Rule;
use super::slot::Slot;

mod lists;
mod secret;
mod sections;
#[cfg(test)]
mod tests;

pub(super) use lists::{BRIDGE_EVENTS, BRIDGE_GROUPS, FOREIGN_KEYS, LISTS};
pub(super) use secret::{SECRETS, Secret};
pub(super) use sections::SECTIONS;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its place in the file.
    pub(super) path: &'static str,
    /// What it takes.
    pub(super) rule: Rule,
    /// What it means, in one line.
    pub(super) doc: &'static str,
    /// A value to show where the default is none.
    pub(super) example: &'static str,
    /// Where its value goes; the three keys of each of [`SECRETS`] share one instead.
    pub(super) slot: Option<fn(&mut Settings) -> &mut dyn Slot>,
}

impl Key {
    /// The variable that sets it: `CHARLA_SERVER_LISTEN`.
    pub(super) fn variable(&self) -> String {
        let mut name = String::from("CHARLA_");
        name.extend(
            self.path
                .chars()
                .map(|c| if c == '.' { '_' } else { c.to_ascii_uppercase() }),
        );
        name
    }

    /// The section it stands in.
    pub(super) fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within the section.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Whether it is one of the three ways to give a secret.
    pub(super) fn gives_secret(&self) -> bool {
        self.slot.is_none()
    }
}

/// The key with this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether keys stand below this path.
pub(super) fn is_section(path: &str) -> bool {
    SECTIONS.iter().any(|(section, _)| *section == path)
}

const fn secs(from: u64, to: u64) -> Rule {
    Rule::Time {
        min: Duration::from_secs(from),
        max: Duration::from_secs(to),
    }
}

const fn count(min: u64, max: u64) -> Rule {
    Rule::Count { min, max }
}

const fn bytes(min: u64, max: u64) -> Rule {
    Rule::Bytes { min, max }
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// More connections than a machine has ports for, and far from overflowing anything.
const MANY: u64 = 100_000_000;

macro_rules! keys {
    ($($path:literal, $rule:expr, $slot:expr, $example:literal, $doc:literal;)*) => {
        /// Every key, in the order of the file.
        pub(super) static KEYS: &[Key] = &[$(Key { path: $path, rule: $rule, doc: $doc, example: $example, slot: $slot }),*];
    };
}

keys! {
    "server.listen", Rule::Address, Some(|s| &mut s.server.listen), "",
        "Address and port to listen on; port 0 picks one.";
    "server.public_url", Rule::Origin, Some(|s| &mut s.server.public_url), "https://chat.example.org",
        "How the world names this server. Not set: the Host header says.";
    "server.trusted_proxies", Rule::Networks, Some(|s| &mut s.server.trusted_proxies), "",
        "Networks of proxies whose X-Forwarded-For, -Proto and -Host are believed.";
    "server.proxy_protocol", Rule::Flag, Some(|s| &mut s.server.proxy_protocol), "",
        "Whether those proxies begin each connection with a PROXY header (version 1 or 2): then it is demanded of them, and of nobody else.";
    "server.tls_cert_file", Rule::Path, Some(|s| &mut s.server.tls_cert_file), "/etc/charla/tls/fullchain.pem",
        "The certificate chain in PEM, to speak TLS on server.listen; with tls_key_file. Both are read again when they change, and on SIGHUP.";
    "server.tls_key_file", Rule::Path, Some(|s| &mut s.server.tls_key_file), "/etc/charla/tls/privkey.pem",
        "The key of that certificate in PEM.";
    "server.handshake_timeout", Rule::Time { min: Duration::from_millis(100), max: Duration::from_secs(60) },
        Some(|s| &mut s.server.handshake_timeout), "",
        "From the first byte to the end of a request's head.";
    "server.max_head_bytes", bytes(KIB, MIB), Some(|s| &mut s.server.max_head_bytes), "",
        "Size of a request's head; more is answered 431.";
    "server.max_headers", count(8, 1000), Some(|s| &mut s.server.max_headers), "",
        "Header lines of a request; more is answered 431.";
    "server.max_uri_bytes", bytes(256, MIB), Some(|s| &mut s.server.max_uri_bytes), "",
        "Size of a request's address, token included; more is answered 414.";
    "server.rejects", Rule::Choice(&["close", "http"]), Some(|s| &mut s.server.rejects), "",
        "How a refused handshake is answered: \"close\" (101, then the cause, which browsers can read) or \"http\" (its status, for native clients).";
    "server.pre_stop", secs(0, HOUR), Some(|s| &mut s.server.pre_stop), "",
        "From SIGTERM to the drain: /readyz says no, everybody is served. Longer than a balancer takes to notice.";
    "server.drain", secs(0, HOUR), Some(|s| &mut s.server.drain), "",
        "From the drain's beginning to the end: everybody is told when to come back, and may take this long to go.";
    "server.default_tenant", Rule::Tenant, Some(|s| &mut s.server.default_tenant), "demo",
        "The tenant of requests that name none. Not set: they are refused with tenant_missing.";

    "origins.allow", Rule::Origins, Some(|s| &mut s.origins.allow), "",
        "Origins of other pages that may connect, such as [\"https://app.example.org\"]; [\"*\"] allows all.";
    "origins.allow_missing", Rule::Flag, Some(|s| &mut s.origins.allow_missing), "",
        "Whether clients without an Origin header (native ones) may connect.";
    "origins.allow_loopback", Rule::Flag, Some(|s| &mut s.origins.allow_loopback), "",
        "Whether pages of this machine (localhost, 127.0.0.1, [::1], any port) may connect: for development.";

    "auth.secret", Rule::Secret, None, "at least 16 bytes, better 32",
        "What built-in accounts' tokens are signed with. Not set: made once and kept in the store. Give at most one of the three.";
    "auth.secret_file", Rule::SecretFile, None, "/etc/charla/secret",
        "The same, read from a file; a line end at its end is cut.";
    "auth.secret_env", Rule::SecretEnv, None, "DJANGO_SECRET_KEY",
        "The same, read from this variable.";
    "auth.jwks_url", Rule::Url, Some(|s| &mut s.auth.jwks_url), "https://login.example.org/.well-known/jwks.json",
        "A JSON Web Key Set to fetch public keys from.";
    "auth.jwks_max_age", secs(10, 7 * DAY), Some(|s| &mut s.auth.jwks_max_age), "",
        "How old a fetched key set may grow before it is fetched again.";
    "auth.issuer", Rule::Text, Some(|s| &mut s.auth.issuer), "https://login.example.org/",
        "The iss that tokens by others must have. Not set: not looked at.";
    "auth.audience", Rule::Text, Some(|s| &mut s.auth.audience), "charla",
        "The aud that tokens by others must have. Not set: not looked at.";
    "auth.leeway", secs(0, 600), Some(|s| &mut s.auth.leeway), "",
        "By how much clocks may differ.";
    "auth.create_users", Rule::Flag, Some(|s| &mut s.auth.create_users), "",
        "Whether a valid token of an unknown user makes that user.";
    "auth.accounts", Rule::Flag, Some(|s| &mut s.auth.accounts), "",
        "Whether built-in accounts may sign in at /api/token/.";
    "auth.access_ttl", secs(1, 30 * DAY), Some(|s| &mut s.auth.access_ttl), "",
        "Life of a built-in access token.";
    "auth.refresh_ttl", secs(1, 365 * DAY), Some(|s| &mut s.auth.refresh_ttl), "",
        "Life of a built-in refresh token.";
    "auth.claims.user", Rule::Text, Some(|s| &mut s.auth.claims.user), "",
        "The claim with the user's id.";
    "auth.claims.name", Rule::Text, Some(|s| &mut s.auth.claims.name), "",
        "The claim with the user's name.";
    "auth.claims.tenant", Rule::Text, Some(|s| &mut s.auth.claims.tenant), "",
        "The claim with the tenant.";
    "auth.claims.role", Rule::Text, Some(|s| &mut s.auth.claims.role), "",
        "The claim with the role; \"agent\" makes support staff.";

    "auth.django.blacklist", Rule::Flag, Some(|s| &mut s.auth.django.blacklist), "",
        "Whether SimpleJWT's token_blacklist is asked for each token's jti, in the application's database.";
    "auth.django.revoke_claim", Rule::Text, Some(|s| &mut s.auth.django.revoke_claim), "hash_password",
        "SimpleJWT's CHECK_REVOKE_TOKEN: its REVOKE_TOKEN_CLAIM, held against the password of auth.django.user_query. Not set: not looked at.";
    "auth.django.sliding", Rule::Flag, Some(|s| &mut s.auth.django.sliding), "",
        "Whether SimpleJWT's sliding tokens are taken as access tokens are.";
    "auth.django.sessions", Rule::Choice(&["database", "cache", "cached_db"]), Some(|s| &mut s.auth.django.sessions), "cached_db",
        "Whose cookie is a credential: \"database\" (django_session), \"cache\" (Redis) or \"cached_db\" (both), as SESSION_ENGINE says. Not set: no cookie is.";
    "auth.django.session_cookie", Rule::Text, Some(|s| &mut s.auth.django.session_cookie), "",
        "The cookie's name: SESSION_COOKIE_NAME.";
    "auth.django.cache_url", Rule::RedisUrl, Some(|s| &mut s.auth.django.cache_url), "redis://127.0.0.1:6379/1",
        "The Redis with the sessions, and its database: LOCATION of CACHES; rediss:// with TLS. A password in it only in the variable.";
    "auth.django.cache_password_file", Rule::Path, Some(|s| &mut s.auth.django.cache_password_file), "/etc/charla/cache-password",
        "A file with the password for it; a line end at its end is cut.";
    "auth.django.cache_ca_file", Rule::Path, Some(|s| &mut s.auth.django.cache_ca_file), "/etc/charla/cache-ca.pem",
        "Authorities in PEM that may have signed its certificate, besides those that browsers believe.";
    "auth.django.cache_prefix", Rule::Text, Some(|s| &mut s.auth.django.cache_prefix), "",
        "What stands before the cache's keys: KEY_PREFIX, a colon, VERSION.";
    "auth.django.user_query", Rule::Text, Some(|s| &mut s.auth.django.user_query), "",
        "The user behind a session or a token, :user; columns password, is_active and, if there is one, name.";
    "auth.django.secret", Rule::Secret, None, "Django's SECRET_KEY",
        "Django's SECRET_KEY, which sessions are signed with. Give one of the three. Its fallbacks: the HS* keys of auth.keys.";
    "auth.django.secret_file", Rule::SecretFile, None, "/etc/charla/django-secret-key",
        "The same, read from a file; a line end at its end is cut.";
    "auth.django.secret_env", Rule::SecretEnv, None, "DJANGO_SECRET_KEY",
        "The same, read from this variable.";

    "store.path", Rule::Path, Some(|s| &mut s.store.path), "",
        "The folder of the SQLite database. In this file, paths start at the file's own folder.";
    "store.url", Rule::StoreUrl, Some(|s| &mut s.store.url), "postgres://charla@db.example.org/charla",
        "A PostgreSQL database (14 or newer) to use instead, by as many nodes as you like. A password in it only in the variable.";
    "store.password_file", Rule::Path, Some(|s| &mut s.store.password_file), "/etc/charla/db-password",
        "A file with the password for store.url; a line end at its end is cut.";
    "store.tls", Rule::Choice(&["off", "require", "verify-full"]), Some(|s| &mut s.store.tls), "verify-full",
        "\"verify-full\" (the certificate is believed, and is of this name), \"require\" (encrypted, to whom is not looked at) or \"off\". Not set: as sslmode in the address says, else off.";
    "store.ca_file", Rule::Path, Some(|s| &mut s.store.ca_file), "/etc/charla/db-ca.pem",
        "Authorities in PEM that may have signed its certificate, besides those that browsers believe; with verify-full.";
    "store.connections", count(1, 1_000), Some(|s| &mut s.store.connections), "",
        "Connections to PostgreSQL of this node, besides two: one stores messages, one hears what moved on other nodes.";
    "store.group_max", count(1, 65_536), Some(|s| &mut s.store.group_max), "",
        "Most messages that share one commit.";
    "store.queue_max", count(1, 1_000_000), Some(|s| &mut s.store.queue_max), "",
        "Messages that may wait for the writer; more are refused with overloaded.";

    "history.insert", Rule::Text, Some(|s| &mut s.store.history.insert),
        "INSERT INTO chat_message (chat_id, author_id, text, sent_at) VALUES (:chat, :author, :text, :sent_at)",
        "Writes a new message into the application's own table, in the transaction that stores it. :tenant :chat :seq :id :author :author_name :text :data :sent_at.";
    "history.update", Rule::Text, Some(|s| &mut s.store.history.update),
        "UPDATE chat_message SET text = :text WHERE uuid = :id",
        "Gives a message other words there; :edited_at too.";
    "history.delete", Rule::Text, Some(|s| &mut s.store.history.delete), "DELETE FROM chat_message WHERE uuid = :id",
        "Takes a message back there.";
    "history.backfill", Rule::Text, Some(|s| &mut s.store.history.backfill),
        "SELECT id, chat_id AS chat, author_id AS author, text, sent_at FROM chat_message ORDER BY sent_at, id",
        "For charla import-history: the messages of before, in the order of time; columns chat, author, text, sent_at and, if there are, id, author_name, data. :tenant.";
    "history.bridged", Rule::Flag, Some(|s| &mut s.store.history.bridged), "",
        "Whether messages that the application sends over its channel layer are written too; as a rule it has written them itself.";

    "broker.url", Rule::BrokerUrl, Some(|s| &mut s.broker.url), "redis://bus.example.org:6379",
        "The bus between nodes: redis:// (rediss:// with TLS), redis+sentinel://, redis+cluster:// or nats://. Not set: this node is alone. A password in it only in the variable.";
    "broker.password_file", Rule::Path, Some(|s| &mut s.broker.password_file), "/etc/charla/bus-password",
        "A file with the password for broker.url, or with NATS' token; a line end at its end is cut.";
    "broker.sentinel_password_file", Rule::Path, Some(|s| &mut s.broker.sentinel_password_file), "/etc/charla/sentinel-password",
        "A file with the password of the sentinels themselves, where they have one.";
    "broker.ca_file", Rule::Path, Some(|s| &mut s.broker.ca_file), "/etc/charla/bus-ca.pem",
        "Authorities in PEM that may have signed the bus' certificate, besides those that browsers believe.";
    "broker.cert_file", Rule::Path, Some(|s| &mut s.broker.cert_file), "/etc/charla/bus-client.pem",
        "The certificate in PEM to show to a bus that asks for one; with key_file.";
    "broker.key_file", Rule::Path, Some(|s| &mut s.broker.key_file), "/etc/charla/bus-client.key",
        "The key of that certificate in PEM.";
    "broker.prefix", Rule::Text, Some(|s| &mut s.broker.prefix), "",
        "What the names of its topics begin with: another one for each group of nodes on the same server.";
    "broker.node_ttl", secs(2, HOUR), Some(|s| &mut s.broker.node_ttl), "",
        "How long a node may be silent before it counts as gone, with everybody on it.";

    "application.database_url", Rule::ApplicationUrl, Some(|s| &mut s.application.database_url), "postgres://charla@db.example.org/app",
        "The database: postgres://, mysql:// (MariaDB too) or sqlite:/// and a path. Not set: nothing is asked of it. A password in it only in the variable.";
    "application.password_file", Rule::Path, Some(|s| &mut s.application.password_file), "/etc/charla/app-db-password",
        "A file with the password for application.database_url; a line end at its end is cut.";
    "application.tls", Rule::Choice(&["off", "require", "verify-full"]), Some(|s| &mut s.application.tls), "verify-full",
        "PostgreSQL and MySQL: \"verify-full\" (the certificate is believed, and is of this name), \"require\" (encrypted, to whom is not looked at) or \"off\". Not set: as sslmode or require_ssl in the address say, else off.";
    "application.ca_file", Rule::Path, Some(|s| &mut s.application.ca_file), "/etc/charla/app-db-ca.pem",
        "Authorities in PEM that may have signed its certificate, besides those that browsers believe; with verify-full.";
    "application.connections", count(1, 1_000), Some(|s| &mut s.application.connections), "",
        "Connections of this node to it.";
    "application.timeout", Rule::Time { min: Duration::from_millis(50), max: Duration::from_secs(60) },
        Some(|s| &mut s.application.timeout), "",
        "How long a query may take; and how long to wait for a connection.";
    "application.schema", Rule::Text, Some(|s| &mut s.application.schema), "{tenant}",
        "PostgreSQL: the schema to look in besides public: \"{tenant}\" (the tenant's own, as django-tenants has it) or a name. Not set: as the role has it.";

    "authority.kind", Rule::Choice(&["builtin", "sql", "http"]), Some(|s| &mut s.authority.kind), "",
        "\"builtin\" (Charla's own chats and members), \"sql\" (a query in the application's database) or \"http\" (a request to the application).";
    "authority.preset", Rule::Choice(&["django", "django-tenants"]), Some(|s| &mut s.authority.preset), "django-tenants",
        "sql: a query to begin with, where none is given: a chat's customer and the staff; \"django-tenants\" in the tenant's own schema.";
    "authority.query", Rule::Text, Some(|s| &mut s.authority.query), "SELECT ... WHERE chat.id = :chat",
        "sql: the query, with :tenant, :user and :chat; columns allowed, role, name, chat_exists, tenant_exists, title, closed, chat_id and user_id.";
    "authority.query_file", Rule::Path, Some(|s| &mut s.authority.query_file), "/etc/charla/authority.sql",
        "The same, read from a file.";
    "authority.url", Rule::Url, Some(|s| &mut s.authority.url), "http://127.0.0.1:8000/internal/charla/authority/",
        "http: where the application answers a signed POST of tenant, user and chat.";
    "authority.ca_file", Rule::Path, Some(|s| &mut s.authority.ca_file), "/etc/charla/app-ca.pem",
        "http: authorities in PEM that may have signed its certificate, besides those that browsers believe.";
    "authority.secret", Rule::Secret, None, "at least 16 bytes, better 32",
        "http: what the requests are signed with. Give one of the three.";
    "authority.secret_file", Rule::SecretFile, None, "/etc/charla/authority-secret",
        "The same, read from a file; a line end at its end is cut.";
    "authority.secret_env", Rule::SecretEnv, None, "CHAT_AUTHORITY_SECRET",
        "The same, read from this variable.";
    "authority.timeout", Rule::Time { min: Duration::from_millis(50), max: Duration::from_secs(60) },
        Some(|s| &mut s.authority.timeout), "",
        "How long an answer may take before it counts as none.";
    "authority.cache_allow", secs(0, HOUR), Some(|s| &mut s.authority.cache_allow), "",
        "How long it counts that someone may enter, unless it is forgotten by /api/v1/authority/forget.";
    "authority.cache_deny", secs(0, HOUR), Some(|s| &mut s.authority.cache_deny), "",
        "How long it counts that someone may not.";
    "authority.cache_max", count(1, MANY), Some(|s| &mut s.authority.cache_max), "",
        "Answers that are kept; the oldest go first.";
    "bridge.layer", Rule::Choice(&["core", "pubsub"]), Some(|s| &mut s.bridge.layer), "core",
        "The application's channel layer: \"core\" (RedisChannelLayer) or \"pubsub\" (RedisPubSubChannelLayer). Not set: no bridge.";
    "bridge.hosts", Rule::BridgeHosts, Some(|s| &mut s.bridge.hosts), "",
        "Its hosts, in the same order, such as [\"redis://127.0.0.1:6379/0\"]; rediss:// with TLS. A password in them only in the variable.";
    "bridge.password_file", Rule::Path, Some(|s| &mut s.bridge.password_file), "/etc/charla/channels-password",
        "A file with the password for all of them; a line end at its end is cut.";
    "bridge.ca_file", Rule::Path, Some(|s| &mut s.bridge.ca_file), "/etc/charla/channels-ca.pem",
        "Authorities in PEM that may have signed their certificates, besides those that browsers believe.";
    "bridge.cert_file", Rule::Path, Some(|s| &mut s.bridge.cert_file), "/etc/charla/channels-client.pem",
        "The certificate in PEM that they are shown, where they ask for one.";
    "bridge.key_file", Rule::Path, Some(|s| &mut s.bridge.key_file), "/etc/charla/channels-client.key",
        "The key of `bridge.cert_file`.";
    "bridge.prefix", Rule::Text, Some(|s| &mut s.bridge.prefix), "",
        "Its prefix.";
    "bridge.serializer", Rule::Choice(&["msgpack", "json"]), Some(|s| &mut s.bridge.serializer), "",
        "Its serializer_format: \"msgpack\" or \"json\".";
    "bridge.capacity", count(1, 1_000_000), Some(|s| &mut s.bridge.capacity), "",
        "Its capacity: messages that may wait for one process. Charla waits where Channels would drop.";
    "bridge.expiry", secs(1, DAY), Some(|s| &mut s.bridge.expiry), "",
        "Its expiry: how long a message waits for a process.";
    "bridge.group_expiry", secs(60, 365 * DAY), Some(|s| &mut s.bridge.group_expiry), "",
        "Its group_expiry: how long a process stays in a group that it does not join anew.";
    "bridge.keys_file", Rule::Path, Some(|s| &mut s.bridge.keys_file), "/etc/charla/channels-keys",
        "A file with its symmetric_encryption_keys, one a line, in the same order.";
    "bridge.linger", secs(0, 30 * DAY), Some(|s| &mut s.bridge.linger), "",
        "How long a chat's group is still listened to after the last one left it: what is said meanwhile is there when they come back.";
    "bridge.create_chats", Rule::Flag, Some(|s| &mut s.bridge.create_chats), "",
        "Whether a chat is made that the application speaks in and that is not known here.";

    "limits.connections", count(1, MANY), Some(|s| &mut s.limits.connections), "",
        "Connections of this node.";
    "limits.connections_per_user", count(1, MANY), Some(|s| &mut s.limits.connections_per_user), "",
        "Connections of one user, on all nodes together up to a limit of 256; a higher one counts on each node alone.";
    "limits.when_user_full", Rule::Choice(&["refuse", "replace_oldest"]), Some(|s| &mut s.limits.when_user_full), "",
        "What one more meets: \"refuse\" (too_many_connections), or \"replace_oldest\" (the user's oldest ends with session_replaced).";
    "limits.connections_per_address", count(1, MANY), Some(|s| &mut s.limits.connections_per_address), "",
        "Connections of one address.";
    "limits.connections_per_tenant", count(0, MANY), Some(|s| &mut s.limits.connections_per_tenant), "",
        "Connections of one tenant on this node; 0: as many as there is room for.";
    "limits.connects_per_second_per_address", count(0, MANY), Some(|s| &mut s.limits.connects_per_second_per_address), "",
        "Handshakes a second of one address; ten seconds' worth, or as many as it may have, at once. 0: no limit.";
    "limits.connects_per_second_per_user", count(0, MANY), Some(|s| &mut s.limits.connects_per_second_per_user), "",
        "The same of one user: a page in a circle of its own making is slowed down. 0: no limit.";
    "limits.connects_per_second_per_tenant", count(0, MANY), Some(|s| &mut s.limits.connects_per_second_per_tenant), "",
        "The same of one tenant, ten seconds' worth at once. 0: no limit.";
    "limits.message_bytes", bytes(KIB, 16 * MIB), Some(|s| &mut s.limits.message_bytes), "",
        "Size of one message on the wire; more is closed with 1009.";
    "limits.text_bytes", bytes(1, 16 * MIB), Some(|s| &mut s.limits.text_bytes), "",
        "Size of a message's text.";
    "limits.data_bytes", bytes(0, 16 * MIB), Some(|s| &mut s.limits.data_bytes), "",
        "Size of a message's data.";
    "limits.fragments", count(1, 65_536), Some(|s| &mut s.limits.fragments), "",
        "Fragments of one message.";
    "limits.sends_per_second", count(1, MANY), Some(|s| &mut s.limits.sends_per_second), "",
        "Sends a second of one connection, sustained.";
    "limits.send_burst", count(1, MANY), Some(|s| &mut s.limits.send_burst), "",
        "Sends in one burst.";
    "limits.sends_per_second_per_user", count(0, MANY), Some(|s| &mut s.limits.sends_per_second_per_user), "",
        "Sends a second of one user over all connections to this node; at least sends_per_second. 0: no limit.";
    "limits.sends_per_second_per_tenant", count(0, MANY), Some(|s| &mut s.limits.sends_per_second_per_tenant), "",
        "Sends a second of one tenant on this node, over sockets and by the API. 0: no limit.";
    "limits.bytes_per_second", bytes(0, 1024 * MIB), Some(|s| &mut s.limits.bytes_per_second), "",
        "Text and data a second of one connection. 0: what sends_per_second and message_bytes come to.";
    "limits.bytes_per_second_per_tenant", bytes(0, 1024 * MIB), Some(|s| &mut s.limits.bytes_per_second_per_tenant), "",
        "Text and data a second of one tenant on this node. 0: no limit.";
    "limits.bytes_per_day_per_tenant", bytes(0, 1024 * 1024 * MIB), Some(|s| &mut s.limits.bytes_per_day_per_tenant), "",
        "Text and data of one tenant within a day on this node, since its start. 0: no limit.";
    "limits.requests_per_second", count(1, MANY), Some(|s| &mut s.limits.requests_per_second), "",
        "Other requests a second of one connection: history, edit, read ...";
    "limits.request_burst", count(1, MANY), Some(|s| &mut s.limits.request_burst), "",
        "Other requests in one burst.";
    "limits.pings_per_second", count(1, MANY), Some(|s| &mut s.limits.pings_per_second), "",
        "Ping frames a second before frame_flood.";
    "limits.subscriptions", count(1, 1_000_000), Some(|s| &mut s.limits.subscriptions), "",
        "Chats that one connection may listen to.";
    "limits.chats_per_tenant", count(0, MANY), Some(|s| &mut s.limits.chats_per_tenant), "",
        "Chats of one tenant that the API makes; 0: no limit.";
    "limits.history_page", count(1, 10_000), Some(|s| &mut s.limits.history_page), "",
        "Messages of one page of history.";
    "limits.resume_messages", count(1, 1_000_000), Some(|s| &mut s.limits.resume_messages), "",
        "Messages missed beyond which a resume starts over with the latest page.";
    "limits.outbox_bytes", bytes(KIB, 1024 * MIB), Some(|s| &mut s.limits.outbox_bytes), "",
        "Bytes that may wait for one socket before slow_consumer.";
    "limits.outbox_age", secs(1, HOUR), Some(|s| &mut s.limits.outbox_age), "",
        "How long they may wait before slow_consumer.";
    "limits.logins_per_minute", count(1, MANY), Some(|s| &mut s.limits.logins_per_minute), "",
        "Failed sign-ins a minute of one address.";
    "limits.refusals_per_minute", count(0, MANY), Some(|s| &mut s.limits.refusals_per_minute), "",
        "Refusals a minute of the same token for the same reason, on all nodes together, before loop_detected; 0: never.";
    "limits.refusals_per_minute_per_address", count(0, MANY), Some(|s| &mut s.limits.refusals_per_minute_per_address), "",
        "The same of one address, which many may share: it keeps nobody out who was not refused before. 0: never.";
    "limits.loop_wait_max", secs(1, DAY), Some(|s| &mut s.limits.loop_wait_max), "",
        "How long such a client waits at most before it is judged again; the first wait is 5 s, each further one twice as long.";
    "limits.returns_per_second", count(0, MANY), Some(|s| &mut s.limits.returns_per_second), "",
        "How many clients a second are told to come back after a restart or overload. 0: as many as this node is measured to accept.";

    "liveness.ping_after", secs(1, HOUR), Some(|s| &mut s.liveness.ping_after), "",
        "Silence before the server pings. Keep it below the 60 s idle cut-off common in proxies.";
    "liveness.pong_within", Rule::Time { min: Duration::from_millis(100), max: Duration::from_secs(HOUR) },
        Some(|s| &mut s.liveness.pong_within), "",
        "Time to answer a ping; less than ping_after.";
    "liveness.presence_linger", secs(0, HOUR), Some(|s| &mut s.liveness.presence_linger), "",
        "How long a person who lost the connection still counts as present.";

    "plain.dialect", Rule::Choice(&["plain", "channels-es"]), Some(|s| &mut s.plain.dialect), "",
        "Field names: \"plain\" (text, author) or \"channels-es\" (texto, autor, tenant).";
    "plain.text_field", Rule::Text, Some(|s| &mut s.plain.text_field), "body",
        "The field with the words. Not set: the dialect's.";
    "plain.author_field", Rule::Text, Some(|s| &mut s.plain.author_field), "from",
        "The field with the author's name. Not set: the dialect's.";
    "plain.bare_text", Rule::Flag, Some(|s| &mut s.plain.bare_text), "",
        "Whether a line that is no JSON object is taken as the words themselves, so that wscat can simply type.";

    "compression.enabled", Rule::Flag, Some(|s| &mut s.compression.enabled), "",
        "Whether permessage-deflate is offered.";
    "compression.min_bytes", bytes(0, 16 * MIB), Some(|s| &mut s.compression.min_bytes), "",
        "Messages below this size go uncompressed.";

    "log.format", Rule::Choice(&["pretty", "json"]), Some(|s| &mut s.log.format), "",
        "\"pretty\" for people, \"json\" for one object a line.";
    "log.filter", Rule::Filter, Some(|s| &mut s.log.filter), "",
        "A level, or a filter such as \"info,charla_server=debug\".";

    "metrics.allow", Rule::Networks, Some(|s| &mut s.metrics.allow), "",
        "Networks that may read /metrics, and what the store says at /readyz; others get 404, and no more than that it is away.";
    "retention.days", retention::DAYS, Some(|s| &mut s.retention.every.days), "",
        "Days that messages are kept; 0: for ever. At least one day: until then a send that is repeated finds its number.";
    "retention.messages", retention::MESSAGES, Some(|s| &mut s.retention.every.messages), "",
        "Messages that are kept of each chat, the newest; 0: all. What is not a day old stays in any case.";

    "search.enabled", Rule::Flag, Some(|s| &mut s.search.enabled), "",
        "Whether messages can be searched for. A chat is prepared when it is searched for the first time; sending costs nothing.";

    "console.enabled", Rule::Flag, Some(|s| &mut s.console.enabled), "",
        "Whether this node keeps the last hours and the close ledger, and shows them at /console.";
    "console.user_header", Rule::Text, Some(|s| &mut s.console.user_header), "X-Auth-Request-Email",
        "Header with an operator's name, instead of a key; believed from server.trusted_proxies alone, which have to remove it from what comes in.";
    "console.changers", Rule::Names, Some(|s| &mut s.console.changers), "",
        "Those named in user_header who may change something: limits, webhooks, somebody's connections, a node. Others look. Empty: all of them may.";

    "telemetry.endpoint", Rule::Url, Some(|s| &mut s.telemetry.endpoint), "http://127.0.0.1:4318",
        "A collector's address for OTLP over HTTP, /v1/traces unless it has a path of its own. Not set: nothing is recorded.";
    "telemetry.headers_file", Rule::Path, Some(|s| &mut s.telemetry.headers_file), "/etc/charla/otlp-headers",
        "A file with header lines for the collector, such as \"authorization: Bearer ...\".";
    "telemetry.sample_ratio", Rule::Ratio, Some(|s| &mut s.telemetry.sample_ratio), "",
        "The share of handshakes that is recorded, with all that follows; where a trusted proxy sends a traceparent, that decides.";
    "telemetry.service_name", Rule::Text, Some(|s| &mut s.telemetry.service_name), "",
        "service.name of the traces.";
    "webhooks.outbox_max", count(1, 10_000_000), Some(|s| &mut s.webhooks.outbox_max), "",
        "Webhooks that may wait for a tenant's endpoints. What comes beyond is lost and counted; messages are never refused for it.";
    "webhooks.concurrency", count(1, 256), Some(|s| &mut s.webhooks.concurrency), "",
        "Requests of one node on their way to one endpoint at once, each of another chat.";
    "webhooks.timeout", secs(1, 120), Some(|s| &mut s.webhooks.timeout), "",
        "From the request to the endpoint's answer.";
    "webhooks.attempts", count(1, 100), Some(|s| &mut s.webhooks.attempts), "",
        "How often a webhook is tried before it becomes a dead letter.";
    "webhooks.retry_min", Rule::Time { min: Duration::from_millis(100), max: Duration::from_secs(HOUR) },
        Some(|s| &mut s.webhooks.retry_min), "",
        "The wait after the first failure; four times as long after each further one.";
    "webhooks.retry_max", secs(1, 24 * HOUR), Some(|s| &mut s.webhooks.retry_max), "",
        "The longest wait.";
    "attachments.directory", Rule::Path, Some(|s| &mut s.attachments.directory), "/var/lib/charla/attachments",
        "A directory for files, which this server takes itself. All nodes of one database need the same. Neither this nor s3.endpoint: no files.";
    "attachments.max_bytes", bytes(1, 5 * 1024 * MIB), Some(|s| &mut s.attachments.max_bytes), "",
        "Size of one file.";
    "attachments.types", Rule::MediaTypes, Some(|s| &mut s.attachments.types), "",
        "Media types that are taken; \"image/*\" is all images.";
    "attachments.max_per_message", count(1, 100), Some(|s| &mut s.attachments.max_per_message), "",
        "Files of one message.";
    "attachments.bytes_per_day_per_user", bytes(0, 1024 * 1024 * MIB), Some(|s| &mut s.attachments.bytes_per_day_per_user), "",
        "Files that one user may announce within a day, sent or not. 0: no limit.";
    "attachments.upload_within", secs(10, DAY), Some(|s| &mut s.attachments.upload_within), "",
        "How long the address holds that a file is put to.";
    "attachments.download_within", secs(10, 7 * DAY), Some(|s| &mut s.attachments.download_within), "",
        "How long the address holds that a file is fetched from.";
    "attachments.unsent_after", secs(60, 365 * DAY), Some(|s| &mut s.attachments.unsent_after), "",
        "How long a file waits to be sent before it is deleted; at least upload_within.";
    "attachments.s3.endpoint", Rule::Origin, Some(|s| &mut s.attachments.s3.endpoint), "https://s3.example.org",
        "Where S3 is spoken, by the name that clients reach it under too. The bucket stands in the path.";
    "attachments.s3.region", Rule::Text, Some(|s| &mut s.attachments.s3.region), "",
        "The region that signatures name.";
    "attachments.s3.bucket", Rule::Text, Some(|s| &mut s.attachments.s3.bucket), "charla",
        "The bucket; it must be there.";
    "attachments.s3.access_key_id", Rule::Text, Some(|s| &mut s.attachments.s3.access_key_id), "AKIAIOSFODNN7EXAMPLE",
        "The key's id: it may put, get and delete objects of the bucket.";
    "attachments.s3.secret", Rule::Secret, None, "the key's secret",
        "The key's secret itself; better in a file or a variable.";
    "attachments.s3.secret_file", Rule::SecretFile, None, "/etc/charla/s3-secret",
        "A file with it.";
    "attachments.s3.secret_env", Rule::SecretEnv, None, "AWS_SECRET_ACCESS_KEY",
        "A variable with it.";
}
