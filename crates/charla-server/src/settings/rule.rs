//! What a key's value may be, and how that is said to whoever wrote another.

use std::time::Duration;

use charla_wire::cause::Lang;

use super::units::{print_duration, print_size};

/// The values that a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rule {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number from 0 to 1.
    Ratio,
    /// A number of bytes, or text such as `64KiB`.
    Bytes {
        /// The smallest, in bytes.
        min: u64,
        /// The largest, in bytes.
        max: u64,
    },
    /// A duration such as `25s`.
    Time {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// An IP address and port.
    Address,
    /// A list of networks.
    Networks,
    /// A list of origins, or `*` alone.
    Origins,
    /// One origin.
    Origin,
    /// An http(s) address.
    Url,
    /// An http(s) address that webhooks go to.
    Endpoint,
    /// A secret as Standard Webhooks writes it.
    WebhookSecret,
    /// Any text that is not empty.
    Text,
    /// A path.
    Path,
    /// A filter of the log.
    Filter,
    /// A tenant's id.
    Tenant,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The address of a database; may have a password in it.
    StoreUrl,
    /// The address of a bus; may have a password in it.
    BrokerUrl,
    /// The address of the application's database; may have a password in it.
    ApplicationUrl,
    /// The addresses of the Redis of Django Channels; may have passwords in them.
    BridgeHosts,
    /// The address of one Redis with a database's number; may have a password in it.
    RedisUrl,
    /// A list of people's names.
    Names,
    /// A list of media types.
    MediaTypes,
    /// A list of the names of fields.
    FieldNames,
    /// Text that must not be shown.
    Secret,
    /// The path of a file with the secret.
    SecretFile,
    /// The name of a variable with the secret.
    SecretEnv,
}

/// The fewest bytes of a shared secret: what is shorter can be guessed from a single token.
pub(super) const SECRET_MIN_BYTES: usize = 16;

/// What people's names may be, in English and Spanish.
const NAMES: (&str, &str) = (
    "a list of names, e.g. [\"ana@example.org\"]",
    "una lista de nombres, por ejemplo [\"ana@example.org\"]",
);

/// What a share may be, in English and Spanish.
const RATIO: (&str, &str) = (
    "a number from 0 to 1, such as 0.05",
    "un número de 0 a 1, por ejemplo 0.05",
);
/// What one Redis' address may be.
const REDIS_URL: (&str, &str) = (
    "an address of Redis, such as \"redis://127.0.0.1:6379/1\" or \"rediss://charla@cache.example.org:6380/1\"",
    "una dirección de Redis, por ejemplo \"redis://127.0.0.1:6379/1\" o \"rediss://charla@cache.example.org:6380/1\"",
);
/// What an endpoint's address may be.
const ENDPOINT: (&str, &str) = (
    "an http or https address without a password in it, such as \"https://app.example.org/charla/events\"",
    "una dirección http o https sin contraseña, por ejemplo \"https://app.example.org/charla/events\"",
);
/// What its secret may be.
const WEBHOOK_SECRET: (&str, &str) = (
    "whsec_ and 24 to 64 bytes in base64: `echo whsec_$(openssl rand -base64 32)`",
    "whsec_ y de 24 a 64 bytes en base64: `echo whsec_$(openssl rand -base64 32)`",
);

/// What media types may be.
const MEDIA_TYPES: (&str, &str) = (
    "a list of media types in small letters, such as [\"image/*\", \"application/pdf\"]",
    "una lista de tipos de medios en minúsculas, por ejemplo [\"image/*\", \"application/pdf\"]",
);

impl Rule {
    /// What is allowed, as the end of a sentence.
    pub(super) fn allowed(self, lang: Lang) -> String {
        let en = matches!(lang, Lang::En);
        if let Self::Count { min, max } = self {
            return between(lang, &min.to_string(), &max.to_string(), "");
        }
        if let Self::Bytes { min, max } = self {
            let print = |bytes| print_size(bytes).unwrap_or_else(|| bytes.to_string());
            let how = if en {
                ", as a number of bytes or as text such as \"64KiB\""
            } else {
                ", como número de bytes o como texto, por ejemplo \"64KiB\""
            };
            return between(lang, &print(min), &print(max), how);
        }
        if let Self::Time { min, max } = self {
            let how = if en {
                ", as text such as \"500ms\", \"25s\" or \"10m\""
            } else {
                ", como texto, por ejemplo \"500ms\", \"25s\" o \"10m\""
            };
            return between(lang, &print_duration(min), &print_duration(max), how);
        }
        if let Self::Choice(words) = self {
            let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            return quoted.join(if en { " or " } else { " o " });
        }
        self.sentence(lang).to_owned()
    }

    fn sentence(self, lang: Lang) -> &'static str {
        let (en, es) = match self {
            Self::Flag => ("true or false", "true o false"),
            Self::Ratio => RATIO,
            Self::Address => (
                "an IP address and a port from 0 to 65535, such as \"127.0.0.1:9001\" or \"[::]:9001\"",
                "una dirección IP y un puerto de 0 a 65535, por ejemplo \"127.0.0.1:9001\" o \"[::]:9001\"",
            ),
            Self::Networks => (
                "a list of networks, such as [\"10.0.0.0/8\", \"::1\"]",
                "una lista de redes, por ejemplo [\"10.0.0.0/8\", \"::1\"]",
            ),
            Self::Origins => (
                "a list of origins of scheme, host and port without a path, such as [\"https://app.example.org\"], or [\"*\"] alone",
                "una lista de orígenes con esquema, host y puerto, sin ruta, por ejemplo [\"https://app.example.org\"], o solo [\"*\"]",
            ),
            Self::Origin => (
                "scheme, host and port without a path, such as \"https://chat.example.org\"",
                "esquema, host y puerto, sin ruta, por ejemplo \"https://chat.example.org\"",
            ),
            Self::Url => (
                "an https address (http on this machine only), such as \"https://login.example.org/jwks.json\"",
                "una dirección https (http solo en esta máquina), por ejemplo \"https://login.example.org/jwks.json\"",
            ),
            Self::Endpoint => ENDPOINT,
            Self::WebhookSecret => WEBHOOK_SECRET,
            Self::StoreUrl => (
                "an address of PostgreSQL, such as \"postgres://charla@db.example.org:5432/charla\" or \"postgres:///charla?host=/run/postgresql\"",
                "una dirección de PostgreSQL, por ejemplo \"postgres://charla@db.example.org:5432/charla\" o \"postgres:///charla?host=/run/postgresql\"",
            ),
            Self::BrokerUrl => (
                "an address of a bus, such as \"redis://bus.example.org:6379\", \"redis+sentinel://s1,s2,s3/mymaster\", \"redis+cluster://a,b,c\" or \"nats://n1,n2\"",
                "una dirección de un bus, por ejemplo \"redis://bus.example.org:6379\", \"redis+sentinel://s1,s2,s3/mymaster\", \"redis+cluster://a,b,c\" o \"nats://n1,n2\"",
            ),
            Self::ApplicationUrl => (
                "an address of a database, such as \"postgres://charla@db.example.org/app\", \"mysql://charla@db.example.org/app\" or \"sqlite:///srv/app/db.sqlite3\"",
                "una dirección de una base de datos, por ejemplo \"postgres://charla@db.example.org/app\", \"mysql://charla@db.example.org/app\" o \"sqlite:///srv/app/db.sqlite3\"",
            ),
            Self::BridgeHosts => (
                "a list of addresses of Redis, such as [\"redis://127.0.0.1:6379/0\"] or [\"rediss://charla@cache.example.org:6380\"]",
                "una lista de direcciones de Redis, por ejemplo [\"redis://127.0.0.1:6379/0\"] o [\"rediss://charla@cache.example.org:6380\"]",
            ),
            Self::RedisUrl => REDIS_URL,
            Self::Names => NAMES,
            Self::MediaTypes => MEDIA_TYPES,
            Self::FieldNames => (
                "a list of names of fields, and only with as = \"event\"",
                "una lista de nombres de campos, y solo con as = \"event\"",
            ),
            Self::Path | Self::SecretFile => ("a path as text", "una ruta como texto"),
            Self::Filter => (
                "a level (error, warn, info, debug, trace) or a filter such as \"info,charla_server=debug\"",
                "un nivel (error, warn, info, debug, trace) o un filtro, por ejemplo \"info,charla_server=debug\"",
            ),
            Self::Tenant => (
                "a tenant's id: 1 to 63 of A-Z a-z 0-9 _ -",
                "el id de un tenant: de 1 a 63 caracteres de A-Z a-z 0-9 _ -",
            ),
            Self::Secret => ("text of at least 16 bytes", "un texto de al menos 16 bytes"),
            Self::SecretEnv => (
                "the name of an environment variable",
                "el nombre de una variable de entorno",
            ),
            Self::Text | Self::Count { .. } | Self::Bytes { .. } | Self::Time { .. } | Self::Choice(_) => {
                ("text that is not empty", "un texto que no esté vacío")
            }
        };
        match lang {
            Lang::En => en,
            Lang::Es => es,
        }
    }
}

fn between(lang: Lang, min: &str, max: &str, how: &str) -> String {
    match lang {
        Lang::En => format!("{min} to {max}{how}"),
        Lang::Es => format!("de {min} a {max}{how}"),
    }
}
