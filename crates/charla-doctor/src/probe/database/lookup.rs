//! What is asked of an open database, the same for both kinds.

use std::future::Future;

use super::layout::{Layout, Table};
use super::{Failed, Sought, queries};
use crate::evidence::{DatabaseSeen, Lookup, Membership};

/// A database that is open for reading.
pub(super) trait Reads {
    /// The tables that are visible.
    fn layout(&mut self) -> impl Future<Output = Result<Layout, Failed>> + Send;

    /// The first row, as text; parameters are `$1`, `$2`. `Ok(Err(_))` when the database did not take the query, with its words,
    /// and whether that was a value's fault (a word where a number belongs).
    fn first(&mut self, sql: &str, values: &[&str]) -> impl Future<Output = Result<Taken, Failed>> + Send;
}

/// The first row, if there is one; or why the query was not taken.
pub(super) type Taken = Result<Option<Vec<Option<String>>>, NotTaken>;

/// Why a query was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotTaken {
    /// The database's words.
    pub(super) words: String,
    /// A value has no place in its column, so no row can have it.
    pub(super) value: bool,
}

/// Fills in whatever the database can say.
pub(super) async fn fill(
    db: &mut impl Reads,
    sought: &Sought,
    seen: &mut DatabaseSeen,
) -> Result<(), Failed> {
    let layout = db.layout().await?;
    seen.tables = Some(u64::try_from(layout.tables.len()).unwrap_or(u64::MAX));
    if layout.is_charla() {
        charla(db, sought, &layout, seen).await?;
    } else if seen.schema_exists != Some(false) {
        django(db, sought, &layout, seen).await?;
    }
    asked(db, sought, seen).await
}

/// The queries that were given, which are the application's own rule.
async fn asked(db: &mut impl Reads, sought: &Sought, seen: &mut DatabaseSeen) -> Result<(), Failed> {
    if let Some(text) = &sought.chat_query
        && let Some(query) = queries::given(text, sought)
    {
        let (there, words) = ask(db, &query.sql, &query.values).await?;
        seen.chat_by = by("--chat-query", words);
        seen.chat_sure = there != Lookup::Unknown;
        seen.chat = there;
    }
    if let Some(text) = &sought.member_query
        && let Some(query) = queries::given(text, sought)
    {
        let (there, words) = ask(db, &query.sql, &query.values).await?;
        seen.membership_by = by("--member-query", words);
        seen.membership_sure = there != Lookup::Unknown;
        seen.membership = match there {
            Lookup::There => Membership::Member,
            Lookup::Missing => Membership::Neither,
            Lookup::Unknown => Membership::Unknown,
        };
    }
    Ok(())
}

fn by(what: &str, words: Option<String>) -> String {
    words.map_or(what.to_owned(), |words| format!("{what}: {words}"))
}

/// Whether there is a row, and the database's words when it did not take the query.
async fn ask(
    db: &mut impl Reads,
    sql: &str,
    values: &[impl AsRef<str> + Sync],
) -> Result<(Lookup, Option<String>), Failed> {
    let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
    Ok(match db.first(sql, &values).await? {
        Ok(Some(_)) => (Lookup::There, None),
        Ok(None) => (Lookup::Missing, None),
        Err(not) if not.value => (Lookup::Missing, Some(not.words)),
        Err(not) => (Lookup::Unknown, Some(not.words)),
    })
}

/// The first row's columns; none when there is no row or the query was not taken.
async fn row(db: &mut impl Reads, sql: &str, values: &[&str]) -> Result<Option<Vec<Option<String>>>, Failed> {
    Ok(db.first(sql, values).await?.ok().flatten())
}

/// Charla's own tables: every answer is the server's own rule.
async fn charla(
    db: &mut impl Reads,
    sought: &Sought,
    layout: &Layout,
    seen: &mut DatabaseSeen,
) -> Result<(), Failed> {
    let only = "SELECT min(id) FROM tenants HAVING count(*) = 1";
    let tenant = match &sought.tenant {
        Some(tenant) => Some(tenant.clone()),
        None => row(db, only, &[])
            .await?
            .and_then(|row| row.into_iter().next().flatten()),
    };
    let Some(tenant) = tenant else {
        return Ok(());
    };
    let (there, _) = ask(db, "SELECT 1 FROM tenants WHERE id = $1", &[&tenant]).await?;
    seen.schema_exists = match there {
        Lookup::There => Some(true),
        Lookup::Missing => Some(false),
        Lookup::Unknown => None,
    };
    seen.schema = Some(tenant.clone());
    let role = match &sought.user {
        Some(user) => charla_user(db, &tenant, user, seen).await?,
        None => None,
    };
    match &sought.chat {
        Some(chat) => charla_chat(db, sought, layout, (&tenant, chat, role.as_deref()), seen).await,
        None => Ok(()),
    }
}

/// The user's role.
async fn charla_user(
    db: &mut impl Reads,
    tenant: &str,
    user: &str,
    seen: &mut DatabaseSeen,
) -> Result<Option<String>, Failed> {
    seen.user_by = "users".into();
    let sql = "SELECT role, state FROM users WHERE tenant = $1 AND id = $2";
    let Some(found) = row(db, sql, &[tenant, user]).await? else {
        seen.user = Lookup::Missing;
        return Ok(None);
    };
    let state = found.get(1).cloned().flatten();
    let is = |word: &str| state.as_deref() == Some(word);
    seen.user = if is("deleted") {
        Lookup::Missing
    } else {
        Lookup::There
    };
    seen.user_active = Some(is("active") || is("blocked"));
    seen.user_state.clone_from(&state);
    Ok(found.into_iter().next().flatten())
}

async fn charla_chat(
    db: &mut impl Reads,
    sought: &Sought,
    layout: &Layout,
    (tenant, chat, role): (&str, &str, Option<&str>),
    seen: &mut DatabaseSeen,
) -> Result<(), Failed> {
    let sql = "SELECT CAST(id AS TEXT), customer, CAST(closed_at AS TEXT) FROM chats WHERE tenant = $1 AND chat = $2";
    let found = row(db, sql, &[tenant, chat]).await?;
    (seen.chat_by, seen.chat_sure) = ("chats".into(), true);
    let Some(found) = found else {
        seen.chat = Lookup::Missing;
        return Ok(());
    };
    seen.chat = Lookup::There;
    seen.chat_closed = Some(found.get(2).is_some_and(Option::is_some));
    let (Some(user), Lookup::There) = (&sought.user, seen.user) else {
        return Ok(());
    };
    let customer = found.get(1).cloned().flatten();
    let members = layout.tables.get("members");
    let person = if members.is_some_and(|table| table.has("person")) {
        "person"
    } else {
        "user"
    };
    let sql = format!("SELECT 1 FROM members WHERE chat = $1 AND \"{person}\" = $2");
    let id = found.first().cloned().flatten().unwrap_or_default();
    let (listed, _) = ask(db, &sql, &[id.as_str(), user]).await?;
    (seen.membership_by, seen.membership_sure) = ("members, chats.customer, users.role".into(), true);
    seen.membership = if role == Some("agent") {
        Membership::Staff
    } else if listed == Lookup::There || customer.as_ref() == Some(user) {
        Membership::Member
    } else {
        Membership::Neither
    };
    Ok(())
}

/// Whatever tables there are, by their names and by what refers to what.
async fn django(
    db: &mut impl Reads,
    sought: &Sought,
    layout: &Layout,
    seen: &mut DatabaseSeen,
) -> Result<(), Failed> {
    let model = sought
        .django
        .as_ref()
        .map(|django| django.user_model.as_deref().unwrap_or("auth.User"));
    let users = layout.users(model);
    if let (None, Some(model)) = (users, model) {
        seen.missing_tables.push(Layout::of_model(model));
    }
    let mut staff = false;
    if let (Some(users), Some(user)) = (users, &sought.user) {
        staff = one_user(db, layout, users, user, seen).await?;
    }
    let Some(chat) = &sought.chat else {
        return Ok(());
    };
    let tables = layout.chats();
    let (mut at, mut found) = (None, String::new());
    for name in &tables {
        let Some(table) = layout.tables.get(*name) else {
            continue;
        };
        let Some(key) = chat_key(table, chat) else {
            continue;
        };
        let sql = format!("SELECT 1 FROM {} WHERE {} = $1", quoted(name), quoted(key));
        let mut there = Lookup::Unknown;
        for id in ids(chat) {
            (there, _) = ask(db, &sql, &[&id]).await?;
            if there == Lookup::There {
                found = id;
                break;
            }
        }
        seen.chat_by = format!("{name}.{key}");
        // Another column than the key may be meant where the key is not what the address shows.
        seen.chat_sure = tables.len() == 1 && table.key.as_deref() == Some(key);
        if there != Lookup::Unknown {
            seen.chat = there;
        }
        if there == Lookup::There {
            at = Some((*name, table, key));
            break;
        }
    }
    if let (Some((name, table, key)), Some(users), Some(user), Lookup::There) =
        (at, users, &sought.user, seen.user)
    {
        membership(
            db,
            layout,
            (name, table, key),
            (users, user),
            (&found, staff),
            seen,
        )
        .await?;
    }
    Ok(())
}

/// The user's row; whether they are staff.
async fn one_user(
    db: &mut impl Reads,
    layout: &Layout,
    users: &str,
    user: &str,
    seen: &mut DatabaseSeen,
) -> Result<bool, Failed> {
    let Some((table, key)) = layout
        .tables
        .get(users)
        .and_then(|table| Some((table, table.key.as_deref()?)))
    else {
        return Ok(false);
    };
    let column = |name: &str| {
        if table.has(name) {
            format!("CAST({} AS TEXT)", quoted(name))
        } else {
            "NULL".into()
        }
    };
    let sql = format!(
        "SELECT {}, {}, {} FROM {} WHERE {} = $1",
        column("is_active"),
        column("is_staff"),
        column("is_superuser"),
        quoted(users),
        quoted(key)
    );
    seen.user_by = format!("{users}.{key}");
    let mut found = None;
    for id in ids(user) {
        match db.first(&sql, &[&id]).await? {
            Ok(Some(row)) => {
                found = Some(row);
                break;
            }
            Ok(None) => seen.user = Lookup::Missing,
            Err(not) if not.value => seen.user = Lookup::Missing,
            Err(_) => {}
        }
    }
    let Some(found) = found else {
        return Ok(false);
    };
    let flag = |at: usize| {
        found
            .get(at)
            .cloned()
            .flatten()
            .map(|word| matches!(word.as_str(), "1" | "true" | "t"))
    };
    seen.user = Lookup::There;
    seen.user_active = flag(0);
    Ok(flag(1) == Some(true) || flag(2) == Some(true))
}

/// The column that the address' id stands in: the key, or for words where the key is a number, a column of names.
fn chat_key<'t>(table: &'t Table, chat: &str) -> Option<&'t str> {
    let key = table.key.as_deref()?;
    if !table.numbered() || chat.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(key);
    }
    const NAMES: [&str; 8] = [
        "uuid",
        "slug",
        "public_id",
        "code",
        "codigo",
        "room_name",
        "name",
        "nombre",
    ];
    let named = |name: &&&str| table.has(name);
    let name = NAMES.iter().find(named)?;
    table
        .columns
        .iter()
        .map(|(column, _)| column.as_str())
        .find(|column| column == name)
}

/// An id, and the other way in which a UUID may stand in a column of text.
fn ids(id: &str) -> Vec<String> {
    let bare = id.replace('-', "");
    let uuid = id.len() == 36 && bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut ids = vec![id.to_owned()];
    if uuid {
        ids.push(bare);
    }
    ids
}

async fn membership(
    db: &mut impl Reads,
    layout: &Layout,
    (name, table, key): (&str, &Table, &str),
    (users, user): (&str, &str),
    (chat, staff): (&str, bool),
    seen: &mut DatabaseSeen,
) -> Result<(), Failed> {
    let mut ways = Vec::new();
    let mut is = false;
    for column in table.referring(users) {
        let sql = format!(
            "SELECT 1 FROM {} WHERE {} = $1 AND {} = $2",
            quoted(name),
            quoted(key),
            quoted(column)
        );
        let (there, _) = ask(db, &sql, &[chat, user]).await?;
        ways.push(format!("{name}.{column}"));
        is |= there == Lookup::There;
    }
    let own_key = table.key.as_deref().unwrap_or(key);
    for (belongs, to_chat, to_user) in layout.belongings(name, users) {
        let sql = format!(
            "SELECT 1 FROM {} AS b JOIN {} AS c ON b.{} = c.{} WHERE c.{} = $1 AND b.{} = $2",
            quoted(belongs),
            quoted(name),
            quoted(to_chat),
            quoted(own_key),
            quoted(key),
            quoted(to_user)
        );
        let (there, _) = ask(db, &sql, &[chat, user]).await?;
        ways.push(belongs.to_owned());
        is |= there == Lookup::There;
    }
    seen.membership = match (is, staff, ways.is_empty()) {
        (true, _, _) => Membership::Member,
        (false, true, _) => Membership::Staff,
        (false, false, false) => Membership::Neither,
        (false, false, true) => Membership::Unknown,
    };
    seen.membership_by = ways.join(", ");
    Ok(())
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
