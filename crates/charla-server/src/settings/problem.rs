//! What is wrong with the settings, and where: told in English and Spanish, never with a secret in it.

use std::fmt;
use std::path::PathBuf;

use charla_wire::cause::Lang;

use super::GroupNameError;
use super::authority::AuthorityFault;
use super::bridge::EntryFault;
use super::broker_url::BrokerUrlError;
use super::rule::Rule;
use crate::application::QueryError;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a line of the file, from 1.
    Line(PathBuf, usize),
    /// In the file as a whole.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
    /// In the flag `--set` with this key.
    Flag(String),
    /// Over the API, which keeps it in the store.
    Api,
    /// In no place: the default.
    Default,
}

impl Place {
    /// The place in words: `charla.toml:12`, `CHARLA_LOG_FILTER`, `--set log.filter`, `default`.
    #[must_use]
    pub fn tell(&self, lang: Lang) -> String {
        match self {
            Self::Line(path, line) => format!("{}:{line}", path.display()),
            Self::File(path) => path.display().to_string(),
            Self::Variable(name) => name.clone(),
            Self::Flag(key) => format!("--set {key}"),
            Self::Api => "API".into(),
            Self::Default => match lang {
                Lang::En => "default".into(),
                Lang::Es => "por defecto".into(),
            },
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    pub(super) fault: Fault,
}

impl Problem {
    pub(super) fn new(place: &Place, fault: Fault) -> Self {
        Self {
            place: place.clone(),
            fault,
        }
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn reason(&self, lang: Lang) -> String {
        self.fault.tell(lang)
    }

    /// The whole line, in a language: `charla.toml:12: unknown key ...`.
    #[must_use]
    pub fn tell(&self, lang: Lang) -> String {
        format!("{}: {}", self.place.tell(lang), self.fault.tell(lang))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tell(Lang::En))
    }
}

impl std::error::Error for Problem {}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// The file cannot be read.
    Unreadable { error: String },
    /// The file is no TOML.
    Syntax { message: String },
    /// There is no such key.
    UnknownKey { key: String, near: Option<String> },
    /// A section's name has a value.
    NotASection { section: String },
    /// The value breaks the key's rule. `given` is absent where it must not be shown.
    NotAllowed {
        key: String,
        given: Option<String>,
        rule: Rule,
    },
    /// This is no address of a bus.
    BrokerUrl { key: String, error: BrokerUrlError },
    /// One value means nothing with another.
    Idle {
        key: &'static str,
        url: &'static str,
        without: &'static str,
    },
    /// What the authority is told does not fit together.
    Authority(AuthorityFault),
    /// An entry of a list contradicts itself or another one.
    Entry { name: String, why: EntryFault },
    /// A statement of the application's is not understood.
    Statement { key: &'static str, error: QueryError },
    /// What has to be written in one transaction is in two databases.
    OtherDatabase { key: &'static str },
    /// No tenant has a figure of its own for it.
    OfTheNode { key: String },
    /// Only the file can hold it.
    FileOnly { key: String },
    /// More than one of several ways to give one thing.
    OneOf { keys: Vec<String> },
    /// None of several ways to give what is needed.
    Needs { key: String, any: Vec<String> },
    /// A file with a secret or key cannot be read.
    KeyFile {
        key: String,
        path: PathBuf,
        error: String,
    },
    /// The variable with a secret is not set.
    NoVariable { key: String, variable: String },
    /// A key of this kind does not go with the algorithm.
    WrongMaterial {
        key: String,
        algorithm: &'static str,
        instead: &'static str,
    },
    /// A password stands where others can read it.
    PasswordShown { key: String },
    /// A private key stands where the public one belongs.
    PrivateKey { key: String },
    /// A public key is not in PEM.
    NotPem { key: String },
    /// Two keys cannot be told apart.
    KidTwice { kid: String, first: Place },
    /// Two values contradict each other.
    Relation {
        key: &'static str,
        value: String,
        must: Must,
        other: &'static str,
        bound: String,
        bound_from: Place,
    },
}

/// How one value must stand to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    Below,
    AtMost,
    AtLeast,
}

impl Must {
    fn word(self, lang: Lang) -> &'static str {
        let (en, es) = match self {
            Self::Below => ("less than", "menor que"),
            Self::AtMost => ("at most", "como máximo"),
            Self::AtLeast => ("at least", "como mínimo"),
        };
        match lang {
            Lang::En => en,
            Lang::Es => es,
        }
    }
}

impl Fault {
    fn tell(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.english(),
            Lang::Es => self.spanish(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Unreadable { error } => format!("cannot be read: {error}"),
            Self::Syntax { message } => format!("is not TOML: {message}"),
            Self::UnknownKey {
                key,
                near: Some(near),
            } => {
                format!("unknown key `{key}`; did you mean `{near}`?")
            }
            Self::UnknownKey { key, near: None } => {
                format!("unknown key `{key}`; `charla config default` lists every key")
            }
            Self::NotASection { section } => {
                format!("`{section}` is a section: write [{section}] and its keys below it")
            }
            Self::NotAllowed { key, given, rule } => {
                let given = given.as_deref().unwrap_or("this value");
                format!("`{key}` cannot be {given}; allowed: {}", rule.allowed(Lang::En))
            }
            Self::BrokerUrl { key, error } => format!("`{key}`: {}", bus(Lang::En, *error)),
            Self::Idle { key, url, without } => {
                format!("`{key}` means nothing unless `{url}` begins with {without}")
            }
            Self::Authority(fault) => fault.tell(Lang::En),
            Self::Entry { name, why } => entry(Lang::En, name, why),
            Self::Statement { key, error } => format!("`{key}`: {error}"),
            Self::OtherDatabase { key } => other_database(Lang::En, key),
            Self::OfTheNode { key } => of_the_node(Lang::En, key),
            Self::FileOnly { key } => format!("`{key}` can be written in the file only, as [[{key}]]"),
            Self::OneOf { keys } => format!("give only one of {}", listed(keys, "and")),
            Self::Needs { key, any } => format!("`{key}` needs {}", listed(any, "or")),
            Self::KeyFile { key, path, error } => {
                format!("`{key}`: {} cannot be read: {error}", path.display())
            }
            Self::NoVariable { key, variable } => {
                format!("`{key}`: the variable {variable} is not set")
            }
            Self::WrongMaterial {
                key,
                algorithm,
                instead,
            } => {
                format!("`{key}` does not go with {algorithm}; give {instead}")
            }
            Self::PasswordShown { key } => password_shown(Lang::En, key),
            Self::PrivateKey { key } => private_key(Lang::En, key),
            Self::NotPem { key } => {
                format!("`{key}` is no public key in PEM; it begins with -----BEGIN PUBLIC KEY-----")
            }
            Self::KidTwice { kid, first } => {
                format!("the key {kid} was given before, at {}", first.tell(Lang::En))
            }
            Self::Relation {
                key,
                value,
                must,
                other,
                bound,
                bound_from,
            } => {
                let must = must.word(Lang::En);
                format!(
                    "`{key}` is {value} but must be {must} `{other}`, which is {bound} ({})",
                    bound_from.tell(Lang::En)
                )
            }
        }
    }

    fn spanish(&self) -> String {
        match self {
            Self::Unreadable { error } => format!("no se puede leer: {error}"),
            Self::Syntax { message } => format!("no es TOML: {message}"),
            Self::UnknownKey {
                key,
                near: Some(near),
            } => {
                format!("clave desconocida `{key}`; ¿quisiste decir `{near}`?")
            }
            Self::UnknownKey { key, near: None } => {
                format!("clave desconocida `{key}`; `charla config default` muestra todas las claves")
            }
            Self::NotASection { section } => {
                format!("`{section}` es una sección: escribe [{section}] y sus claves debajo")
            }
            Self::NotAllowed { key, given, rule } => {
                let given = given.as_deref().unwrap_or("este valor");
                format!(
                    "`{key}` no puede ser {given}; se permite: {}",
                    rule.allowed(Lang::Es)
                )
            }
            Self::BrokerUrl { key, error } => format!("`{key}`: {}", bus(Lang::Es, *error)),
            Self::Idle { key, url, without } => {
                format!("`{key}` no significa nada si `{url}` no empieza con {without}")
            }
            Self::Authority(fault) => fault.tell(Lang::Es),
            Self::Entry { name, why } => entry(Lang::Es, name, why),
            Self::Statement { key, error } => format!("`{key}`: {error}"),
            Self::OtherDatabase { key } => other_database(Lang::Es, key),
            Self::OfTheNode { key } => of_the_node(Lang::Es, key),
            Self::FileOnly { key } => format!("`{key}` solo se escribe en el archivo, como [[{key}]]"),
            Self::OneOf { keys } => format!("da solo una de estas: {}", listed(keys, "y")),
            Self::Needs { key, any } => format!("`{key}` necesita {}", listed(any, "o")),
            Self::KeyFile { key, path, error } => {
                format!("`{key}`: no se puede leer {}: {error}", path.display())
            }
            Self::NoVariable { key, variable } => {
                format!("`{key}`: la variable {variable} no está definida")
            }
            Self::WrongMaterial {
                key,
                algorithm,
                instead,
            } => {
                format!("`{key}` no sirve para {algorithm}; da {instead}")
            }
            Self::PasswordShown { key } => password_shown(Lang::Es, key),
            Self::PrivateKey { key } => private_key(Lang::Es, key),
            Self::NotPem { key } => {
                format!("`{key}` no es una clave pública en PEM; empieza con -----BEGIN PUBLIC KEY-----")
            }
            Self::KidTwice { kid, first } => {
                format!("la clave {kid} ya se dio antes, en {}", first.tell(Lang::Es))
            }
            Self::Relation {
                key,
                value,
                must,
                other,
                bound,
                bound_from,
            } => {
                let must = must.word(Lang::Es);
                format!(
                    "`{key}` es {value} pero debe ser {must} `{other}`, que es {bound} ({})",
                    bound_from.tell(Lang::Es)
                )
            }
        }
    }
}

fn of_the_node(lang: Lang, key: &str) -> String {
    match lang {
        Lang::En => format!("`{key}`: this holds for a node as a whole; set it in [limits]"),
        Lang::Es => format!("`{key}`: esto vale para un nodo entero; ponlo en [limits]"),
    }
}

/// Nothing of the address itself is shown: there may be a password in it.
fn bus(lang: Lang, error: BrokerUrlError) -> String {
    let (en, es) = match error {
        BrokerUrlError::Scheme(Some(scheme)) => {
            return match lang {
                Lang::En => format!("it begins with an unknown word; did you mean `{scheme}://`?"),
                Lang::Es => format!("empieza con una palabra desconocida; ¿quisiste decir `{scheme}://`?"),
            };
        }
        BrokerUrlError::Scheme(None) => (
            "it must be an address of a bus",
            "tiene que ser una dirección de un bus",
        ),
        BrokerUrlError::Place => (
            "a host or a port in it cannot be read",
            "no se entiende un host o un puerto",
        ),
        BrokerUrlError::Several => (
            "redis:// takes one server; several are redis+sentinel:// or redis+cluster://",
            "redis:// lleva un solo servidor; para varios, redis+sentinel:// o redis+cluster://",
        ),
        BrokerUrlError::NoMaster => (
            "the name of the master is missing at its end, as in sentinel.conf after `sentinel monitor`",
            "falta al final el nombre del maestro, como en sentinel.conf detrás de `sentinel monitor`",
        ),
        BrokerUrlError::Rest => (
            "there is something after the server; a database's number means nothing to a bus, `broker.prefix` keeps groups apart",
            "sobra algo detrás del servidor; el número de base de datos no significa nada para un bus, `broker.prefix` separa los grupos",
        ),
    };
    let rule = Rule::BrokerUrl.allowed(lang);
    match lang {
        Lang::En => format!("{en}; allowed: {rule}"),
        Lang::Es => format!("{es}; se permite: {rule}"),
    }
}

fn password_shown(lang: Lang, key: &str) -> String {
    let file = match key {
        "auth.django.cache_url" => "auth.django.cache_password_file".to_owned(),
        other => format!("{}.password_file", other.split('.').next().unwrap_or_default()),
    };
    let variable = key.to_ascii_uppercase().replace('.', "_");
    match lang {
        Lang::En => format!(
            "`{key}` holds a password; put it in a file of its own and name that in `{file}`, or give the whole address in CHARLA_{variable}"
        ),
        Lang::Es => format!(
            "`{key}` contiene una contraseña; guárdala en un archivo propio y nómbralo en `{file}`, o da la dirección entera en CHARLA_{variable}"
        ),
    }
}

fn entry(lang: Lang, name: &str, why: &EntryFault) -> String {
    let (en, es) = match why {
        EntryFault::Name(GroupNameError::Characters) => (
            "this is no name of groups; allowed: A-Z a-z 0-9 - _ . and {tenant}, {chat}, {user}",
            "no es un nombre de grupos; se permite: A-Z a-z 0-9 - _ . y {tenant}, {chat}, {user}",
        ),
        EntryFault::Name(GroupNameError::Whose) => (
            "a group is of a chat or of a person: exactly one of {chat} and {user} must stand in it",
            "un grupo es de un chat o de una persona: tiene que llevar {chat} o {user}, uno de los dos",
        ),
        EntryFault::Name(GroupNameError::Ambiguous) => (
            "a place stands twice in it, or two with nothing between, and nobody could read them apart",
            "un hueco está dos veces, o dos sin nada entre ellos, y nadie podría separarlos",
        ),
        EntryFault::NoTenant => (
            "nothing says whose these groups are, and tenants with the same chats would hear each other: put {tenant} into the name, or give `tenant`, or `tenant_field`",
            "nada dice de quién son estos grupos, y los tenants con los mismos chats se oirían: pon {tenant} en el nombre, o da `tenant` o `tenant_field`",
        ),
        EntryFault::TwoTenants => (
            "more than one thing says whose these groups are; give only one of {tenant} in the name, `tenant` and `tenant_field`",
            "más de una cosa dice de quién son estos grupos; da solo una: {tenant} en el nombre, `tenant` o `tenant_field`",
        ),
        EntryFault::TypeTwice => (
            "another entry has this type already; dots and underscores are the same to Channels",
            "otra entrada ya tiene este tipo; para Channels los puntos y los guiones bajos son lo mismo",
        ),
    };
    match lang {
        Lang::En => format!("{name:?}: {en}"),
        Lang::Es => format!("{name:?}: {es}"),
    }
}

fn other_database(lang: Lang, key: &str) -> String {
    match lang {
        Lang::En => format!(
            "`{key}` is written in the transaction that stores a message, so both need one PostgreSQL database: `store.url` and `application.database_url` must name the same host, port and database"
        ),
        Lang::Es => format!(
            "`{key}` se escribe en la transacción que guarda el mensaje, así que las dos cosas necesitan una sola base de datos PostgreSQL: `store.url` y `application.database_url` deben nombrar el mismo host, puerto y base de datos"
        ),
    }
}

fn private_key(lang: Lang, key: &str) -> String {
    match lang {
        Lang::En => format!(
            "`{key}` holds a private key; give the public one, and keep the private one where tokens are signed"
        ),
        Lang::Es => format!(
            "`{key}` contiene una clave privada; da la pública y guarda la privada donde se firman los tokens"
        ),
    }
}

/// `a`, `b` and `c`.
fn listed(keys: &[String], and: &str) -> String {
    let mut text = String::new();
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            text.push_str(&if index + 1 == keys.len() {
                format!(" {and} ")
            } else {
                ", ".into()
            });
        }
        text.push_str(&format!("`{key}`"));
    }
    text
}
