//! `[authority]`: who says who may enter. What the keys mean together is settled here: presets are filled in, the query is read.

use std::path::PathBuf;
use std::time::Duration;

use charla_wire::cause::Lang;
use secrecy::SecretString;

use super::load::Loaded;
use super::problem::{Fault, Place, Problem};
use super::secrets::Vault;
use super::{ApplicationUrl, DatabaseKind};
use crate::application::{Query, QueryError, TENANT_SCHEMA};

/// The values that a query of the authority may use.
pub const QUERY_NAMES: [&str; 3] = ["tenant", "user", "chat"];

/// Who says who may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthorityKind {
    /// Charla's own tenants, chats and members.
    #[default]
    Builtin,
    /// A query in the application's database.
    Sql,
    /// A request to the application.
    Http,
}

/// A query that is ready to be used, for applications that look like the ones that it was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityPreset {
    /// One Django application without tenants.
    Django,
    /// A schema for each tenant.
    DjangoTenants,
}

/// The chat's customer and the staff, in the tables that Django makes for an app called `chat`. Without a chat the row
/// says who the user is.
const DJANGO: &str = "\
SELECT c.id IS NOT NULL AS chat_exists,
       (u.is_staff OR c.customer_id = u.id) AS allowed,
       CASE WHEN u.is_staff THEN 'agent' ELSE 'member' END AS role,
       u.username AS name,
       c.id AS chat_id,
       u.id AS user_id
FROM auth_user u
LEFT JOIN chat_chat c ON c.id = :chat
WHERE u.id = :user AND u.is_active";

/// `[authority]`
#[derive(Debug, Clone)]
pub struct AuthoritySettings {
    /// Who says it.
    pub kind: AuthorityKind,
    /// What is filled in where it is not given.
    pub preset: Option<AuthorityPreset>,
    /// The query.
    pub query: Option<String>,
    /// The file that it is in.
    pub query_file: Option<PathBuf>,
    /// Where the application answers.
    pub url: Option<String>,
    /// Authorities in PEM that may have signed its certificate, besides those that browsers believe.
    pub ca_file: Option<PathBuf>,
    /// What requests are signed with.
    pub secret: Option<SecretString>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long it counts that someone may enter.
    pub cache_allow: Duration,
    /// How long it counts that someone may not.
    pub cache_deny: Duration,
    /// Answers that are kept.
    pub cache_max: usize,
    /// The query as it was understood; no key sets it.
    pub asks: Option<Query>,
}

impl Default for AuthoritySettings {
    fn default() -> Self {
        Self {
            kind: AuthorityKind::Builtin,
            preset: None,
            query: None,
            query_file: None,
            url: None,
            ca_file: None,
            secret: None,
            timeout: Duration::from_secs(2),
            cache_allow: Duration::from_secs(30),
            cache_deny: Duration::from_secs(5),
            cache_max: 100_000,
            asks: None,
        }
    }
}

const KIND: &str = "authority.kind";

/// Fills in what a preset gives, reads the query, and says what does not fit together.
pub(super) fn settle(loaded: &mut Loaded, vault: &mut Vault<'_>) {
    let authority = loaded.settings.authority.clone();
    let sql = authority.kind == AuthorityKind::Sql;
    let http = authority.kind == AuthorityKind::Http;
    for (key, is_set, useful, kind) in [
        ("authority.preset", authority.preset.is_some(), sql, "sql"),
        ("authority.query", authority.query.is_some(), sql, "sql"),
        ("authority.query_file", authority.query_file.is_some(), sql, "sql"),
        ("authority.url", authority.url.is_some(), http, "http"),
        ("authority.ca_file", authority.ca_file.is_some(), http, "http"),
        ("authority.secret", authority.secret.is_some(), http, "http"),
    ] {
        if is_set && !useful {
            let fault = Fault::Authority(AuthorityFault::NotOfKind { key, kind });
            vault.problems.push(Problem::new(&loaded.place(key), fault));
        }
    }
    let mut needs = |key: &str, any: &[&str]| {
        let any = any.iter().map(|key| (*key).to_owned()).collect();
        let key = key.to_owned();
        let fault = Fault::Needs { key, any };
        vault.problems.push(Problem::new(&loaded.place(KIND), fault));
    };
    if http && authority.url.is_none() {
        needs("authority.kind = \"http\"", &["authority.url"]);
    }
    if http && authority.secret.is_none() {
        let ways = [
            "authority.secret",
            "authority.secret_file",
            "authority.secret_env",
        ];
        needs("authority.kind = \"http\"", &ways);
    }
    if sql {
        let ways = ["authority.query", "authority.query_file", "authority.preset"];
        if authority.query.is_none() && authority.query_file.is_none() && authority.preset.is_none() {
            needs("authority.kind = \"sql\"", &ways);
        }
        match loaded
            .settings
            .application
            .database_url
            .as_ref()
            .map(ApplicationUrl::kind)
        {
            None => needs("authority.kind = \"sql\"", &["application.database_url"]),
            Some(kind) => settle_sql(loaded, kind, vault),
        }
    }
}

fn settle_sql(loaded: &mut Loaded, kind: DatabaseKind, vault: &mut Vault<'_>) {
    let authority = &loaded.settings.authority;
    if authority.query.is_some() && authority.query_file.is_some() {
        let keys = vec!["authority.query".to_owned(), "authority.query_file".to_owned()];
        let place = loaded.place("authority.query_file");
        vault.problems.push(Problem::new(&place, Fault::OneOf { keys }));
        return;
    }
    let (text, key) = match (&authority.query, &authority.query_file, authority.preset) {
        (Some(query), _, _) => (query.clone(), "authority.query"),
        (None, Some(path), _) => {
            let (key, place) = ("authority.query_file", loaded.place("authority.query_file"));
            // The path was made a whole one when it was read.
            match vault.file(key, &path.display().to_string(), &Place::Default) {
                Some(text) => (text, key),
                None => {
                    if let Some(problem) = vault.problems.last_mut() {
                        problem.place = place;
                    }
                    return;
                }
            }
        }
        (None, None, Some(AuthorityPreset::Django | AuthorityPreset::DjangoTenants)) => {
            (DJANGO.to_owned(), "authority.preset")
        }
        (None, None, None) => return,
    };
    let tenants = authority.preset == Some(AuthorityPreset::DjangoTenants);
    let place = loaded.place(key);
    if tenants && kind != DatabaseKind::Postgres {
        let key = "authority.preset";
        let (url, without) = ("application.database_url", "postgres");
        vault.problems.push(Problem::new(
            &loaded.place(key),
            Fault::Idle { key, url, without },
        ));
        return;
    }
    match Query::parse(&text, kind, &QUERY_NAMES) {
        Ok(query) => {
            let schema = &mut loaded.settings.application.schema;
            if tenants && schema.is_none() {
                *schema = Some(TENANT_SCHEMA.to_owned());
            }
            let asks_tenant = schema.as_deref() == Some(TENANT_SCHEMA) || query.uses("tenant");
            if !asks_tenant && loaded.settings.server.default_tenant.is_none() {
                vault.problems.push(Problem::new(
                    &place,
                    Fault::Authority(AuthorityFault::WhoseChats { key }),
                ));
            }
            loaded.settings.authority.asks = Some(query);
        }
        Err(error) => {
            vault.problems.push(Problem::new(
                &place,
                Fault::Authority(AuthorityFault::Query { key, error }),
            ));
        }
    }
}

/// What can be wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AuthorityFault {
    /// A key of another kind of authority.
    NotOfKind { key: &'static str, kind: &'static str },
    /// A query that cannot be asked.
    Query { key: &'static str, error: QueryError },
    /// A query that does not ask for the tenant, and nothing else says whose chats it finds.
    WhoseChats { key: &'static str },
}

impl AuthorityFault {
    /// The end of the sentence that begins with its place.
    pub(super) fn tell(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::NotOfKind { key, kind }, Lang::En) => {
                format!("`{key}` means nothing unless `{KIND}` is \"{kind}\"")
            }
            (Self::NotOfKind { key, kind }, Lang::Es) => {
                format!("`{key}` no significa nada si `{KIND}` no es \"{kind}\"")
            }
            (Self::Query { key, error }, lang) => format!("`{key}`: {}", error.tell(lang)),
            (Self::WhoseChats { key }, Lang::En) => format!(
                "`{key}` does not ask for :tenant, so every tenant would find the same chats; use :tenant in it, set `application.schema` to \"{{tenant}}\", or name the one tenant in `server.default_tenant`"
            ),
            (Self::WhoseChats { key }, Lang::Es) => format!(
                "`{key}` no pregunta por :tenant, así que todos los tenants encontrarían los mismos chats; usa :tenant en ella, pon `application.schema` en \"{{tenant}}\" o nombra el único tenant en `server.default_tenant`"
            ),
        }
    }
}
