//! A query with names for its values, made into what its database's driver takes.
//!
//! `:name` is a value; inside quotes, comments and dollar quotes it is text, and `::bigint` is a cast. Every place where
//! a name stands becomes a placeholder of its own, so that one value may be compared with columns of different types.

use charla_wire::cause::Lang;

use crate::settings::DatabaseKind;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It has a name that there is no value for.
    #[error("line {line}: there is no value `:{name}` here; there are {known}")]
    UnknownName {
        /// The name.
        name: String,
        /// The line of the query, from 1.
        line: usize,
        /// The names that there are, for people.
        known: String,
    },
    /// It has a placeholder of the driver's own.
    #[error("line {line}: `{found}` is no value; write the names of values, such as `:chat`")]
    Placeholder {
        /// What stands there.
        found: String,
        /// The line of the query, from 1.
        line: usize,
    },
    /// A quote or comment does not end.
    #[error("line {line}: what begins here with {opened} does not end")]
    Open {
        /// What it begins with.
        opened: &'static str,
        /// The line of the query, from 1.
        line: usize,
    },
    /// There is nothing in it.
    #[error("the query is empty")]
    Empty,
}

impl QueryError {
    /// What is wrong, in a language.
    #[must_use]
    pub fn tell(&self, lang: Lang) -> String {
        match (self, lang) {
            (_, Lang::En) => self.to_string(),
            (Self::UnknownName { name, line, known }, Lang::Es) => {
                format!("línea {line}: aquí no hay ningún valor `:{name}`; hay {known}")
            }
            (Self::Placeholder { found, line }, Lang::Es) => format!(
                "línea {line}: `{found}` no es un valor; escribe los nombres de los valores, por ejemplo `:chat`"
            ),
            (Self::Open { opened, line }, Lang::Es) => {
                format!("línea {line}: lo que empieza aquí con {opened} no termina")
            }
            (Self::Empty, Lang::Es) => "la consulta está vacía".into(),
        }
    }
}

/// A query that was understood: text with the driver's placeholders, and whose value each of them is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    sql: String,
    placeholders: Vec<String>,
}

impl Query {
    /// Reads a query for a kind of database, which may use these names.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(text: &str, kind: DatabaseKind, names: &[&str]) -> Result<Self, QueryError> {
        let mut reader = Reader {
            rest: text,
            kind,
            names,
            sql: String::with_capacity(text.len()),
            placeholders: Vec::new(),
            line: 1,
            before: None,
        };
        let mut said = false;
        while !reader.rest.is_empty() {
            said |= reader.step()?;
        }
        let sql = reader.sql.trim().trim_end_matches(';').trim_end().to_owned();
        if !said || sql.is_empty() {
            return Err(QueryError::Empty);
        }
        Ok(Self {
            sql,
            placeholders: reader.placeholders,
        })
    }

    /// The text with the driver's placeholders.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The name of each placeholder, in their order.
    #[must_use]
    pub fn placeholders(&self) -> &[String] {
        &self.placeholders
    }

    /// Whether it uses a name.
    #[must_use]
    pub fn uses(&self, name: &str) -> bool {
        self.placeholders.iter().any(|placeholder| placeholder == name)
    }
}

struct Reader<'t> {
    rest: &'t str,
    kind: DatabaseKind,
    names: &'t [&'t str],
    sql: String,
    placeholders: Vec<String>,
    line: usize,
    /// The character before the rest.
    before: Option<char>,
}

impl<'t> Reader<'t> {
    /// Takes the next piece; says whether it was more than a comment, a space or an end.
    fn step(&mut self) -> Result<bool, QueryError> {
        let mysql = self.kind == DatabaseKind::Mysql;
        let postgres = self.kind == DatabaseKind::Postgres;
        if self.rest.starts_with("--") || (mysql && self.rest.starts_with('#')) {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.keep(end);
            return Ok(false);
        }
        if self.rest.starts_with("/*") {
            return self.comment().map(|()| false);
        }
        if let Some(end) = self.quote()? {
            self.keep(end);
            return Ok(true);
        }
        if postgres && self.rest.starts_with('$') && !self.before.is_some_and(is_word) {
            return self.dollar().map(|()| true);
        }
        if !postgres && self.rest.starts_with('?') {
            return Err(self.placeholder("?"));
        }
        if self.rest.starts_with("::") || self.rest.starts_with(":=") {
            self.keep(2);
            return Ok(true);
        }
        if let Some(after) = self.rest.strip_prefix(':') {
            let name = word(after);
            if !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
                self.name(name)?;
                return Ok(true);
            }
        }
        let next = self.rest.chars().next().unwrap_or(' ');
        self.keep(next.len_utf8());
        Ok(next != ';' && !next.is_whitespace())
    }

    /// Copies so many bytes.
    fn keep(&mut self, bytes: usize) {
        let (kept, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.sql.push_str(kept);
        self.passed(kept, rest);
    }

    fn passed(&mut self, taken: &str, rest: &'t str) {
        self.line += taken.matches('\n').count();
        self.before = taken.chars().next_back();
        self.rest = rest;
    }

    fn name(&mut self, name: &'t str) -> Result<(), QueryError> {
        if !self.names.contains(&name) {
            let known: Vec<_> = self.names.iter().map(|name| format!("`:{name}`")).collect();
            return Err(QueryError::UnknownName {
                name: name.to_owned(),
                line: self.line,
                known: known.join(", "),
            });
        }
        self.placeholders.push(name.to_owned());
        match self.kind {
            DatabaseKind::Postgres => self.sql.push_str(&format!("${}", self.placeholders.len())),
            DatabaseKind::Mysql | DatabaseKind::Sqlite => self.sql.push('?'),
        }
        let rest = self.rest.get(name.len() + 1..).unwrap_or_default();
        self.passed(name, rest);
        Ok(())
    }

    /// Where a quoted text or name that begins here ends.
    fn quote(&self) -> Result<Option<usize>, QueryError> {
        let (quote, opened) = match self.rest.chars().next() {
            Some('\'') => ('\'', "'"),
            Some('"') => ('"', "\""),
            Some('`') if self.kind != DatabaseKind::Postgres => ('`', "`"),
            _ => return Ok(None),
        };
        let escapes = match self.kind {
            DatabaseKind::Mysql => quote != '`',
            // E'...' alone, unless standard_conforming_strings was turned off, which nobody does.
            DatabaseKind::Postgres => quote == '\'' && self.is_escape_string(),
            DatabaseKind::Sqlite => false,
        };
        let mut escaped = false;
        // A doubled quote ends here and begins again, which comes to the same.
        for (at, c) in self.rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if escapes && c == '\\' {
                escaped = true;
            } else if c == quote {
                return Ok(Some(at + 1));
            }
        }
        Err(self.open(opened))
    }

    fn is_escape_string(&self) -> bool {
        let mut before = self.sql.chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_word)
    }

    /// A comment in stars; PostgreSQL's may stand in each other.
    fn comment(&mut self) -> Result<(), QueryError> {
        let nests = self.kind == DatabaseKind::Postgres;
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(rest) = self.rest.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with("/*") && (nests || depth == 0) {
                depth += 1;
                at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    self.keep(at);
                    return Ok(());
                }
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        Err(self.open("/*"))
    }

    /// `$tag$ ... $tag$`, or `$1`.
    fn dollar(&mut self) -> Result<(), QueryError> {
        let after = self.rest.get(1..).unwrap_or_default();
        let tag = word(after);
        if tag.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.placeholder(&format!("${tag}")));
        }
        if after.get(tag.len()..).is_none_or(|rest| !rest.starts_with('$')) {
            self.keep(1);
            return Ok(());
        }
        let quote = format!("${tag}$");
        let inner = self.rest.get(quote.len()..).unwrap_or_default();
        let Some(end) = inner.find(&quote) else {
            return Err(self.open("$"));
        };
        self.keep(quote.len() + end + quote.len());
        Ok(())
    }

    fn placeholder(&self, found: &str) -> QueryError {
        QueryError::Placeholder {
            found: found.to_owned(),
            line: self.line,
        }
    }

    const fn open(&self, opened: &'static str) -> QueryError {
        QueryError::Open {
            opened,
            line: self.line,
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The word at the beginning of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::DatabaseKind::{Mysql, Postgres, Sqlite};
    use super::*;

    const NAMES: [&str; 3] = ["tenant", "user", "chat"];

    #[test]
    fn names_become_placeholders_and_nothing_else_does() {
        for (kind, text, sql, placeholders) in [
            (
                Postgres,
                "SELECT :chat::bigint = :user, :chat;",
                "SELECT $1::bigint = $2, $3",
                "chat user chat",
            ),
            (
                Postgres,
                "SELECT ':chat', \":user\" -- :chat\n, :user",
                "SELECT ':chat', \":user\" -- :chat\n, $1",
                "user",
            ),
            (
                Postgres,
                "SELECT 'it''s :chat', :user",
                "SELECT 'it''s :chat', $1",
                "user",
            ),
            (
                Postgres,
                r"SELECT E'\':chat', :user",
                r"SELECT E'\':chat', $1",
                "user",
            ),
            (Postgres, r"SELECT '\', :user", r"SELECT '\', $1", "user"),
            (
                Postgres,
                "SELECT $q$ :chat $$ $q$, :user",
                "SELECT $q$ :chat $$ $q$, $1",
                "user",
            ),
            (
                Postgres,
                "/* a /* :chat */ :chat */ SELECT :user",
                "/* a /* :chat */ :chat */ SELECT $1",
                "user",
            ),
            (
                Postgres,
                "SELECT a[1:2], data ? 'x', :user",
                "SELECT a[1:2], data ? 'x', $1",
                "user",
            ),
            (Postgres, "SELECT 'ñ', :user", "SELECT 'ñ', $1", "user"),
            (
                Mysql,
                r#"SELECT '\':chat', ":chat", `:chat`, :user # :chat"#,
                r#"SELECT '\':chat', ":chat", `:chat`, ? # :chat"#,
                "user",
            ),
            (Mysql, "SELECT @a := :user", "SELECT @a := ?", "user"),
            (
                Sqlite,
                r"SELECT '\', :user, :user",
                r"SELECT '\', ?, ?",
                "user user",
            ),
            (Sqlite, "SELECT 1", "SELECT 1", ""),
        ] {
            let query = Query::parse(text, kind, &NAMES).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(query.sql(), sql);
            assert_eq!(query.placeholders().join(" "), placeholders, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (kind, text, told) in [
            (
                Postgres,
                "SELECT 1\nWHERE :chta = 5",
                "line 2: there is no value `:chta` here; there are `:tenant`, `:user`, `:chat`",
            ),
            (
                Postgres,
                "SELECT $1",
                "line 1: `$1` is no value; write the names of values, such as `:chat`",
            ),
            (
                Mysql,
                "SELECT\n\n?",
                "line 3: `?` is no value; write the names of values, such as `:chat`",
            ),
            (
                Postgres,
                "SELECT\n'abc",
                "line 2: what begins here with ' does not end",
            ),
            (
                Postgres,
                "/* /* */ SELECT 1",
                "line 1: what begins here with /* does not end",
            ),
            (
                Postgres,
                "SELECT $a$ $b$",
                "line 1: what begins here with $ does not end",
            ),
            (Sqlite, "  -- nothing\n ; ", "the query is empty"),
        ] {
            let error = Query::parse(text, kind, &NAMES).expect_err(text);
            assert_eq!(error.to_string(), told);
        }
    }
}
