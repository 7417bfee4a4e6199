//! What a query set asks for, as SQL: `filter` by names, by `Q` objects, over relations.
//!
//! `m` is a row of what is asked for, `t` of the table of a many-to-many relation, `r` of what a lookup leads to.

use super::access::{DEPTH, Rows, Told, Unclear};
use super::assigned::assigned;
use super::condition::Condition;
use super::meaning::{Frame, Meaning};
use super::model::{Model, sql_name};
use super::query::{Chain, From};
use super::syntax::{Expr, ExprKind};

impl Rows<'_> {
    pub(super) fn queried(
        &self,
        frame: &Frame<'_>,
        expr: &Expr,
        chain: &Chain<'_>,
        one: Option<&str>,
    ) -> Told {
        let (table, mut parts, model) = match &chain.from {
            From::Model(name) => {
                let Some(model) = self.models.iter().find(|model| model.name == *name) else {
                    return Self::unclear(frame, expr);
                };
                (format!("{} m", sql_name(&model.table)), Vec::new(), Some(model))
            }
            From::Related(of, name) => match self.related(frame, of, name) {
                Some(found) => found,
                None => return Self::unclear(frame, expr),
            },
        };
        let mut seen = Vec::new();
        for (lookup, value) in &chain.filters {
            parts.push(self.compared(frame, model, lookup, value, &mut seen)?);
        }
        for asked in &chain.asked {
            parts.push(self.asked(frame, model, asked, &mut seen, 0)?);
        }
        if let Some(one) = one {
            let key = sql_name(model.map_or("id", |model| model.key.as_str()));
            parts.push(format!("m.{key} = {one}"));
        }
        // The chat's own row is there already.
        if model.is_some_and(|model| model.name == self.chat.name) && matches!(chain.from, From::Model(_)) {
            let own = format!("m.{key} = c.{key}", key = sql_name(&self.chat.key));
            if parts.contains(&own) {
                let rest = parts.iter().filter(|part| **part != own);
                let rest: Vec<String> = rest.map(|part| part.replace("m.", "c.")).collect();
                // Whether the chat is there is asked by itself.
                if rest.is_empty() {
                    return Ok(Condition::True);
                }
                let sql = rest.join(" AND ");
                return Ok(Condition::Sql(sql, false));
            }
        }
        let sql = format!("EXISTS (SELECT 1 FROM {table} WHERE {})", parts.join(" AND "));
        let of_user = !sql.contains(" c.");
        Ok(Condition::Sql(sql, of_user))
    }

    /// The other side of a relation: its tables, what joins it, its model.
    fn related(
        &self,
        frame: &Frame<'_>,
        of: &Expr,
        name: &str,
    ) -> Option<(String, Vec<String>, Option<&Model>)> {
        let meaning = self.meaning(frame, of);
        let is_chat = matches!(&meaning, Meaning::Row(model, _) if *model == self.chat.name);
        let (row, owner) = if is_chat {
            ("c", self.chat)
        } else if matches!(meaning, Meaning::User(None)) {
            ("u", self.user)
        } else {
            return None;
        };
        let own = format!("{row}.{}", sql_name(&owner.key));
        if row == "u" && name == "groups" {
            let side = format!("{}_id", owner.name.to_lowercase());
            return Some((
                format!(
                    "{} g JOIN auth_group m ON m.id = g.group_id",
                    sql_name(&format!("{}_groups", owner.table))
                ),
                vec![format!("g.{side} = {own}")],
                self.models.iter().find(|model| model.table == "auth_group"),
            ));
        }
        if let Some(field) = owner.field(name).filter(|field| field.kind == "ManyToManyField") {
            let to = self.named(field.to.as_deref()?)?;
            let (from, other) = sides(owner, to);
            return Some((
                format!(
                    "{} t JOIN {} m ON m.{} = t.{other}",
                    sql_name(&field.column),
                    sql_name(&to.table),
                    sql_name(&to.key)
                ),
                vec![format!("t.{from} = {own}")],
                Some(to),
            ));
        }
        self.models.iter().find_map(|model| {
            let field = model.fields.iter().find(|field| {
                let called = field.related_name.clone();
                let called = called.unwrap_or_else(|| format!("{}_set", model.name.to_lowercase()));
                field.to.as_ref() == Some(&owner.name) && called == name
            })?;
            if field.kind == "ManyToManyField" {
                let (from, other) = sides(model, owner);
                return Some((
                    format!(
                        "{} t JOIN {} m ON m.{} = t.{from}",
                        sql_name(&field.column),
                        sql_name(&model.table),
                        sql_name(&model.key)
                    ),
                    vec![format!("t.{other} = {own}")],
                    Some(model),
                ));
            }
            Some((
                format!("{} m", sql_name(&model.table)),
                vec![format!("m.{} = {own}", sql_name(&field.column))],
                Some(model),
            ))
        })
    }

    /// `Q(owner=user) | Q(members=user)`, over the rows `m`.
    fn asked(
        &self,
        frame: &Frame<'_>,
        model: Option<&Model>,
        expr: &Expr,
        seen: &mut Vec<String>,
        depth: u32,
    ) -> Result<String, Unclear> {
        if depth > DEPTH {
            return Self::unclear(frame, expr);
        }
        match &expr.kind {
            ExprKind::Call(called, arguments) if called.last_name() == Some("Q") => {
                let mut parts = Vec::new();
                for argument in arguments {
                    parts.push(match &argument.name {
                        Some(lookup) => self.compared(frame, model, lookup, &argument.value, seen)?,
                        None if argument.starred => return Self::unclear(frame, expr),
                        None => self.asked(frame, model, &argument.value, seen, depth + 1)?,
                    });
                }
                match parts.as_slice() {
                    // An empty one narrows nothing.
                    [] => Ok("TRUE".into()),
                    [only] => Ok(only.clone()),
                    _ => Ok(format!("({})", parts.join(" AND "))),
                }
            }
            ExprKind::Binary(left, operator @ ("|" | "&"), right) => {
                let left = self.asked(frame, model, left, seen, depth + 1)?;
                let right = self.asked(frame, model, right, seen, depth + 1)?;
                let word = if *operator == "|" { "OR" } else { "AND" };
                Ok(format!("({left} {word} {right})"))
            }
            // To Django what is NULL is not what was asked for.
            ExprKind::Invert(of) => {
                let of = self.asked(frame, model, of, seen, depth + 1)?;
                Ok(if of.starts_with("EXISTS ") {
                    format!("NOT {of}")
                } else {
                    format!("NOT COALESCE({of}, FALSE)")
                })
            }
            ExprKind::Name(name) => {
                let function = frame.function.map(|function| function.it.body.as_slice());
                match assigned(function.unwrap_or_default(), name) {
                    Some(value) => self.asked(frame, model, value, seen, depth + 1),
                    None => Self::unclear(frame, expr),
                }
            }
            ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Format(_)
            | ExprKind::List(_)
            | ExprKind::Tuple(_)
            | ExprKind::Set(_)
            | ExprKind::Dict(_)
            | ExprKind::Attribute(..)
            | ExprKind::Index(..)
            | ExprKind::Slice(..)
            | ExprKind::Call(..)
            | ExprKind::Binary(..)
            | ExprKind::Not(_)
            | ExprKind::Minus(_)
            | ExprKind::And(..)
            | ExprKind::Or(..)
            | ExprKind::Compare(..)
            | ExprKind::Choice(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::Opaque => Self::unclear(frame, expr),
        }
    }

    /// `owner=user`, `role__in=["agent"]`, `seats__person=user`, over the rows `m`.
    fn compared(
        &self,
        frame: &Frame<'_>,
        model: Option<&Model>,
        lookup: &str,
        value: &Expr,
        seen: &mut Vec<String>,
    ) -> Result<String, Unclear> {
        let right = if let (true, ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items)) =
            (lookup.ends_with("__in"), &value.kind)
        {
            let words: Option<Vec<String>> = items
                .iter()
                .filter(|item| !item.starred)
                .map(|item| self.column(frame, &item.value).map(|(word, _)| word))
                .collect();
            words
                .filter(|words| words.len() == items.len() && !words.is_empty())
                .map(|words| words.join(", "))
        } else if matches!(value.kind, ExprKind::None) {
            None
        } else {
            self.column(frame, value).map(|(word, _)| word)
        };
        let left = model.and_then(|model| self.lookup(model, "m", lookup, seen));
        match left.zip(right) {
            Some((left, right)) => Ok(left.replace("{}", &right)),
            None => Self::unclear(frame, value),
        }
    }

    /// `row.column = {}` for a lookup of `filter`. Two that lead over the same rows are about one of them, which is not followed.
    fn lookup(&self, model: &Model, row: &str, lookup: &str, seen: &mut Vec<String>) -> Option<String> {
        let (name, rest) = lookup.split_once("__").unwrap_or((lookup, ""));
        if let Some(column) = model.column(name).map(sql_name) {
            let simple = match rest {
                "" | "id" | "pk" | "exact" => Some(format!("{row}.{column} = {{}}")),
                "iexact" => Some(format!("LOWER({row}.{column}) = LOWER({{}})")),
                "in" => Some(format!("{row}.{column} IN ({{}})")),
                _ => None,
            };
            if simple.is_some() {
                return simple;
            }
            let to = self.named(model.field(name)?.to.as_deref()?)?;
            let inner = self.behind(to, rest)?;
            return Some(format!(
                "EXISTS (SELECT 1 FROM {} r WHERE r.{} = {row}.{column} AND {inner})",
                sql_name(&to.table),
                sql_name(&to.key)
            ));
        }
        if seen.iter().any(|known| known == name) {
            return None;
        }
        seen.push(name.to_owned());
        if let Some(field) = model.field(name) {
            let to = self.named(field.to.as_deref()?)?;
            let (from, other) = sides(model, to);
            return matches!(rest, "" | "id" | "pk").then(|| {
                format!(
                    "EXISTS (SELECT 1 FROM {} t WHERE t.{from} = {row}.{} AND t.{other} = {{}})",
                    sql_name(&field.column),
                    sql_name(&model.key)
                )
            });
        }
        self.models.iter().find_map(|other| {
            let field = other.fields.iter().find(|field| {
                let called = field.related_name.clone();
                let called = called.unwrap_or_else(|| other.name.to_lowercase());
                field.to.as_ref() == Some(&model.name) && field.kind != "ManyToManyField" && called == name
            })?;
            let rest = if rest.is_empty() { "pk" } else { rest };
            let inner = self.behind(other, rest)?;
            Some(format!(
                "EXISTS (SELECT 1 FROM {} r WHERE r.{} = {row}.{} AND {inner})",
                sql_name(&other.table),
                sql_name(&field.column),
                sql_name(&model.key)
            ))
        })
    }

    /// The last step of a lookup, over the rows `r`.
    fn behind(&self, model: &Model, lookup: &str) -> Option<String> {
        let (name, rest) = lookup.split_once("__").unwrap_or((lookup, ""));
        let column = sql_name(model.column(name)?);
        match rest {
            "" | "id" | "pk" | "exact" => Some(format!("r.{column} = {{}}")),
            "in" => Some(format!("r.{column} IN ({{}})")),
            _ => None,
        }
    }

    fn named(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

/// The columns of a many-to-many table.
fn sides(from: &Model, to: &Model) -> (String, String) {
    let (own, other) = (from.name.to_lowercase(), to.name.to_lowercase());
    if own == other {
        return (format!("from_{own}_id"), format!("to_{own}_id"));
    }
    (format!("{own}_id"), format!("{other}_id"))
}
