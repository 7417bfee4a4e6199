//! The tables of a database, and which of them hold users, chats and memberships. Pure.

use std::collections::BTreeMap;

/// Tables by their names.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) tables: BTreeMap<String, Table>,
}

/// One table.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Columns and their types, in order.
    pub(super) columns: Vec<(String, String)>,
    /// The key, when it is a single column.
    pub(super) key: Option<String>,
    /// Columns that refer to another table.
    pub(super) references: Vec<(String, String)>,
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// The columns that refer to a table.
    pub(super) fn referring(&self, table: &str) -> impl Iterator<Item = &str> {
        let to = table.to_owned();
        self.references
            .iter()
            .filter(move |(_, other)| *other == to)
            .map(|(column, _)| column.as_str())
    }

    /// Whether the key is a number.
    pub(super) fn numbered(&self) -> bool {
        let key = self.key.as_deref().unwrap_or_default();
        let kind = self
            .columns
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, kind)| kind.to_ascii_lowercase());
        kind.is_some_and(|kind| kind.contains("int") || kind.contains("serial"))
    }
}

/// Endings of chat tables, the likeliest first.
const CHATS: [&str; 10] = [
    "chat",
    "chats",
    "chatroom",
    "room",
    "sala",
    "conversation",
    "conversacion",
    "thread",
    "channel",
    "canal",
];

/// Parts of names of tables that say who belongs.
const BELONGS: [&str; 14] = [
    "member",
    "miembro",
    "particip",
    "integrante",
    "user",
    "usuario",
    "people",
    "person",
    "agent",
    "agente",
    "asignad",
    "assign",
    "invit",
    "subscri",
];

impl Layout {
    /// Whether it is the store of a Charla server.
    pub(super) fn is_charla(&self) -> bool {
        let has = |table: &str, columns: &[&str]| {
            let table = self.tables.get(table);
            table.is_some_and(|table| columns.iter().all(|column| table.has(column)))
        };
        has("tenants", &["id"])
            && has("users", &["tenant", "id", "role", "state"])
            && has("chats", &["id", "tenant", "chat", "customer"])
            && has("members", &["chat", "tenant"])
    }

    /// The table of a Django model: `auth.User` is `auth_user`.
    pub(super) fn of_model(model: &str) -> String {
        model.replace('.', "_").to_ascii_lowercase()
    }

    /// The users' table: the model's, else the one that looks like Django's.
    pub(super) fn users(&self, model: Option<&str>) -> Option<&str> {
        if let Some(model) = model {
            let named = Self::of_model(model);
            return self.tables.get_key_value(&named).map(|(name, _)| name.as_str());
        }
        if let Some((name, _)) = self.tables.get_key_value("auth_user") {
            return Some(name);
        }
        let like = |table: &Table| table.has("password") && table.has("is_active") && table.has("last_login");
        let mut found = self.tables.iter().filter(|(_, table)| like(table));
        match (found.next(), found.next()) {
            (Some((name, _)), None) => Some(name),
            (_, _) => None,
        }
    }

    /// The tables that may hold the chats: of the likeliest ending, all that have it.
    pub(super) fn chats(&self) -> Vec<&str> {
        let ends = |name: &str, word: &str| {
            let name = name.to_ascii_lowercase();
            name == word || name.ends_with(&format!("_{word}"))
        };
        for word in CHATS {
            let found: Vec<&str> = self
                .tables
                .iter()
                .filter(|(name, table)| ends(name, word) && table.key.is_some())
                .map(|(name, _)| name.as_str())
                .collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// Tables that say who belongs to a chat, with their columns for chat and user: those made for many-to-many fields, and those
    /// that are called so. A table of messages has both columns too, and is none.
    pub(super) fn belongings(&self, chats: &str, users: &str) -> Vec<(&str, &str, &str)> {
        let mut found = Vec::new();
        for (name, table) in &self.tables {
            if name == chats || name == users {
                continue;
            }
            let (Some(chat), Some(user)) = (table.referring(chats).next(), table.referring(users).next())
            else {
                continue;
            };
            let bare = name.to_ascii_lowercase();
            let bare = bare.strip_prefix(&chats.to_ascii_lowercase()).unwrap_or(&bare);
            let called = BELONGS.iter().any(|word| bare.contains(word));
            if table.columns.len() <= 3 || called {
                found.push((name.as_str(), chat, user));
            }
        }
        found
    }
}
