//! `[history]`: the application's own table of messages, kept in step with ours.

use super::problem::{Fault, Problem};
use super::{ApplicationUrl, Loaded};
use crate::application::Query;
use crate::settings::DatabaseKind;

/// The names that the statements may use.
pub(crate) const NAMES: [&str; 10] = [
    "tenant",
    "chat",
    "seq",
    "id",
    "author",
    "author_name",
    "text",
    "data",
    "sent_at",
    "edited_at",
];

/// The names that the query for what was said before may use.
pub(crate) const BACKFILL_NAMES: [&str; 1] = ["tenant"];

/// `[history]`
#[derive(Debug, Clone, Default)]
pub struct HistorySettings {
    /// What writes a new message.
    pub insert: Option<String>,
    /// What gives a message other words.
    pub update: Option<String>,
    /// What takes a message back.
    pub delete: Option<String>,
    /// What asks the application's database for the messages of before.
    pub backfill: Option<String>,
    /// Whether messages that came over the bridge are written too: the application wrote them itself, as a rule.
    pub bridged: bool,
    /// `application.schema`, where the table is; no key of this section sets it.
    pub schema: Option<String>,
}

impl HistorySettings {
    /// Whether anything is written.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.insert.is_some() || self.update.is_some() || self.delete.is_some()
    }

    /// The statements that are set, each with its key.
    fn statements(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("history.insert", self.insert.as_deref()),
            ("history.update", self.update.as_deref()),
            ("history.delete", self.delete.as_deref()),
        ]
    }
}

/// What is written together must stand in one database, and be understood.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let settings = &loaded.settings;
    check_backfill(loaded, problems);
    for (key, statement) in settings.store.history.statements() {
        let Some(statement) = statement else { continue };
        let mut refuse = |fault| problems.push(Problem::new(&loaded.place(key), fault));
        if let Err(error) = Query::parse(statement, DatabaseKind::Postgres, &NAMES) {
            refuse(Fault::Statement { key, error });
        }
        let Some(store) = &settings.store.url else {
            let any = vec!["store.url".to_owned()];
            let key = key.to_owned();
            refuse(Fault::Needs { key, any });
            continue;
        };
        let together = match &settings.application.database_url {
            None => true,
            Some(ApplicationUrl::Postgres(application)) => store.is_same_database(application),
            Some(ApplicationUrl::Mysql(_) | ApplicationUrl::Sqlite(_)) => false,
        };
        if !together {
            refuse(Fault::OtherDatabase { key });
        }
    }
}

/// What was said before is asked of the application.
fn check_backfill(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let key = "history.backfill";
    let settings = &loaded.settings;
    let Some(query) = &settings.store.history.backfill else {
        return;
    };
    let place = loaded.place(key);
    let Some(application) = &settings.application.database_url else {
        let any = vec!["application.database_url".to_owned()];
        let key = key.to_owned();
        problems.push(Problem::new(&place, Fault::Needs { key, any }));
        return;
    };
    if let Err(error) = Query::parse(query, application.kind(), &BACKFILL_NAMES) {
        problems.push(Problem::new(&place, Fault::Statement { key, error }));
    }
}
