//! Queries that a person gives, with `:chat`, `:tenant` and `:user` in them.

use super::Sought;

/// A query as both databases take it, and the values of its parameters `$1`, `$2`.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<String>,
}

/// Names that may stand in a query.
const NAMES: [&str; 3] = ["chat", "tenant", "user"];

/// Wraps the query so that it can only read, and puts numbers for the names; none when it needs what is not known.
pub(super) fn given(text: &str, sought: &Sought) -> Option<Query> {
    let text = text.trim().trim_end_matches(';').trim_end();
    let value = |name: &str| match name {
        "chat" => sought.chat.clone(),
        "tenant" => sought.tenant.clone(),
        "user" => sought.user.clone(),
        _ => None,
    };
    let mut sql = String::from("SELECT 1 FROM (");
    let mut values: Vec<String> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let named = NAMES.iter().find(|name| {
            let after = rest.strip_prefix(':').and_then(|rest| rest.strip_prefix(**name));
            after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        if let (None, true, Some(name)) = (quote, before != ':', named) {
            let number = match names.iter().position(|other| other == name) {
                Some(at) => at + 1,
                None => {
                    values.push(value(name)?);
                    names.push(name);
                    names.len()
                }
            };
            sql.push_str(&format!("${number}"));
            rest = rest.split_at(1 + name.len()).1;
            before = ' ';
            continue;
        }
        quote = match quote {
            Some(open) if open == c => None,
            None if matches!(c, '\'' | '"') => Some(c),
            other => other,
        };
        sql.push(c);
        before = c;
        rest = rest.split_at(c.len_utf8()).1;
    }
    sql.push_str("\n) AS asked LIMIT 1");
    Some(Query { sql, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_numbers_and_nothing_else_does() {
        let sought = Sought {
            chat: Some("5".into()),
            user: Some("7".into()),
            ..Sought::default()
        };
        let rows = [
            (
                "SELECT 1 FROM c WHERE id = :chat;",
                Some(("SELECT 1 FROM c WHERE id = $1", vec!["5"])),
            ),
            (
                "SELECT id::text, ':chat', \":user\" FROM c WHERE u = :user AND c = :chat AND v = :user",
                Some((
                    "SELECT id::text, ':chat', \":user\" FROM c WHERE u = $1 AND c = $2 AND v = $1",
                    vec!["7", "5"],
                )),
            ),
            ("SELECT :chats, x::chat", Some(("SELECT :chats, x::chat", vec![]))),
            ("SELECT :tenant", None),
        ];
        for (text, expected) in rows {
            let query = given(text, &sought);
            let expected =
                expected.map(|(sql, values)| (format!("SELECT 1 FROM ({sql}\n) AS asked LIMIT 1"), values));
            let query = query.as_ref().map(|query| {
                (
                    query.sql.clone(),
                    query.values.iter().map(String::as_str).collect(),
                )
            });
            assert_eq!(query, expected, "{text}");
        }
    }
}
