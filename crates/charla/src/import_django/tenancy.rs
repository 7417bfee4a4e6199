//! Whose chats: one site's, a schema's each (django-tenants), or those of a tenant that only a name tells.

use charla_doctor::django::{FieldRole, Survey};

use super::paper::{Paper, State, quoted};
use crate::words::import_django as say;

/// Characters of a tenant's name.
const NAME_MAX: usize = 63;

/// How tenants are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tenancy {
    /// django-tenants: a schema each.
    Schemas,
    /// The address, a claim or a group's name tells; the tables do not.
    Named {
        /// Where it is told.
        at: Option<String>,
        /// The one for who names none.
        fallback: String,
    },
    /// There is one.
    One(String),
}

impl Tenancy {
    pub(super) fn of(survey: &Survey) -> Self {
        let settings = &survey.settings;
        let engine = settings
            .database()
            .map(|database| database.engine)
            .unwrap_or_default();
        if settings.text("TENANT_MODEL").is_some() || engine.contains("django_tenants") {
            return Self::Schemas;
        }
        let name = settings
            .root()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .take(NAME_MAX)
            .collect();
        let fallback = if name.trim_matches('-').is_empty() {
            "main".into()
        } else {
            name
        };
        let asks = &survey.asks;
        let read = asks
            .tenant_claim
            .iter()
            .chain(&asks.tenants)
            .map(|(_, at)| at.clone())
            .next();
        let grouped = survey.groups.iter().any(|group| group.text.contains("{tenant}"));
        if read.is_some() || grouped {
            return Self::Named { at: read, fallback };
        }
        Self::One(fallback)
    }

    pub(super) fn server(&self, paper: &mut Paper<'_>) {
        let lang = paper.lang;
        let what = say::row_tenants(lang);
        match self {
            Self::Schemas => {
                paper.note(&say::tenants_schemas(lang));
                paper.row(what, State::Found, "django-tenants");
            }
            Self::Named { at, fallback } => {
                let at = at.as_deref().map(|at| paper.place(at)).unwrap_or_default();
                paper.ask(&say::tenants_named(lang, at));
                paper.set("default_tenant", &quoted(fallback));
                paper.row(what, State::Open, fallback.clone());
            }
            Self::One(name) => {
                paper.note(&say::tenants_one(lang));
                paper.set("default_tenant", &quoted(name));
                paper.row(what, State::Found, name.clone());
            }
        }
    }

    /// Says whose the groups of a name are that has no place for it.
    pub(super) fn group(&self, paper: &mut Paper<'_>, survey: &Survey, group: &str) {
        let lang = paper.lang;
        if let Self::One(name) = self {
            paper.set("tenant", &quoted(name));
            return;
        }
        let field = survey
            .events
            .iter()
            .filter(|event| event.groups.iter().any(|own| own == group))
            .map(|event| {
                let found = event.fields.iter().find(|part| part.role == FieldRole::Tenant);
                (event, found.map(|part| part.key.clone()))
            })
            .collect::<Vec<_>>();
        let name = field
            .iter()
            .find_map(|(_, key)| key.clone())
            .unwrap_or_else(|| "tenant".into());
        let without: Vec<&str> = field
            .iter()
            .filter(|(_, key)| key.is_none())
            .map(|(event, _)| event.kind.as_str())
            .collect();
        if field.is_empty() || !without.is_empty() {
            paper.ask(&say::group_without_tenant(lang, group, &name, without.join(", ")));
        } else {
            paper.note(&say::group_by_field(lang, group, &name));
        }
        paper.set("tenant_field", &quoted(&name));
    }
}
