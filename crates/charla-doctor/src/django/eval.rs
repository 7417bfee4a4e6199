//! What an expression is worth.

use std::path::PathBuf;

use super::run::{Reader, Scope, index_of, place, unknown};
use super::syntax::{Expr, ExprKind, Item, Part};
use super::value::Value;

/// A text is repeated, a list multiplied, at most so often.
const TIMES: i64 = 1_000;

impl Reader<'_> {
    /// The value of an expression.
    pub(super) fn value(&mut self, scope: &mut Scope, expr: &Expr) -> Value {
        if !self.step() {
            return unknown(scope, expr.line, None);
        }
        let line = expr.line;
        match &expr.kind {
            ExprKind::None => Value::None,
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Number(text) => number(text).unwrap_or_else(|| unknown(scope, line, None)),
            ExprKind::Text(text) => Value::Text(text.clone()),
            ExprKind::Format(parts) => self.format(scope, parts),
            ExprKind::Name(name) => self.name(scope, name, line),
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items) => self.items(scope, items),
            ExprKind::Dict(rows) => self.dict(scope, rows),
            ExprKind::Attribute(of, name) => {
                let of = self.value(scope, of);
                self.attribute(scope, of, name, line)
            }
            ExprKind::Index(of, key) => {
                let (of, key) = (self.value(scope, of), self.value(scope, key));
                self.index(scope, of, &key, line)
            }
            ExprKind::Slice(of, from, to) => {
                let of = self.value(scope, of);
                let from = from.as_ref().map(|end| self.value(scope, end));
                let to = to.as_ref().map(|end| self.value(scope, end));
                slice(&of, from.as_ref(), to.as_ref()).unwrap_or_else(|| unknown(scope, line, None))
            }
            ExprKind::Call(called, arguments) => self.called(scope, called, arguments, line),
            ExprKind::Binary(left, operator, right) => {
                let (left, right) = (self.value(scope, left), self.value(scope, right));
                self.binary(scope, left, operator, right, line)
            }
            ExprKind::Not(of) => match self.value(scope, of).truth() {
                Some(truth) => Value::Bool(!truth),
                None => unknown(scope, line, None),
            },
            ExprKind::Minus(of) => match self.value(scope, of) {
                Value::Int(number) => Value::Int(-number),
                Value::Float(number) => Value::Float(-number),
                Value::Duration(seconds) => Value::Duration(-seconds),
                _ => unknown(scope, line, None),
            },
            ExprKind::And(left, right) => self.either(scope, left, right, false),
            ExprKind::Or(left, right) => self.either(scope, left, right, true),
            ExprKind::Compare(left, operator, right) => {
                let (left, right) = (self.compared(scope, left), self.compared(scope, right));
                compare(&left, operator, &right).map_or_else(|| unknown(scope, line, None), Value::Bool)
            }
            ExprKind::Choice(condition, then, other) => match self.value(scope, condition).truth() {
                Some(true) => self.value(scope, then),
                Some(false) => self.value(scope, other),
                None => unknown(scope, line, None),
            },
            ExprKind::Comprehension {
                key,
                element,
                names,
                of,
                condition,
            } => {
                let of = self.value(scope, of);
                self.comprehension(scope, key.as_deref(), element, names, of, condition.as_deref())
            }
            ExprKind::Invert(_) | ExprKind::Opaque => unknown(scope, line, None),
        }
    }

    fn name(&mut self, scope: &Scope, name: &str, line: u32) -> Value {
        if let Some(local) = scope.locals.as_ref().and_then(|locals| locals.get(name)) {
            return local.clone();
        }
        if let Some(bound) = scope.names.get(name) {
            return bound.value.clone();
        }
        match name {
            "__file__" => Value::Text(scope.file.display().to_string()),
            "__name__" => Value::Text(
                scope
                    .file
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ),
            _ if super::builtins::is_builtin(name) => Value::Known(name.to_owned()),
            _ => unknown(scope, line, None),
        }
    }

    fn format(&mut self, scope: &mut Scope, parts: &[Part]) -> Value {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(more) => text.push_str(more),
                Part::Value(expr) => match self.value(scope, expr) {
                    unknown @ Value::Unknown(_) => return unknown,
                    value => match shown(&value) {
                        Some(more) => text.push_str(&more),
                        None => return unknown(scope, expr.line, None),
                    },
                },
            }
        }
        Value::of_text(text)
    }

    pub(super) fn items(&mut self, scope: &mut Scope, items: &[Item]) -> Value {
        let mut out = Vec::new();
        for item in items {
            let value = self.value(scope, &item.value);
            match value {
                Value::List(more) if item.starred => out.extend(more),
                value => out.push(value),
            }
        }
        Value::of_list(out)
    }

    fn dict(&mut self, scope: &mut Scope, pairs: &[(Option<Expr>, Expr)]) -> Value {
        let mut rows = Vec::new();
        for (key, value) in pairs {
            let value = self.value(scope, value);
            match (key, value) {
                (Some(key), value) => {
                    let key = self.value(scope, key);
                    Value::set(&mut rows, key, value);
                }
                (None, Value::Dict(more)) => more
                    .into_iter()
                    .for_each(|(key, value)| Value::set(&mut rows, key, value)),
                // What is spread may override everything before it.
                (None, value) => {
                    return if matches!(value, Value::Unknown(_)) {
                        value
                    } else {
                        unknown(scope, 0, None)
                    };
                }
            }
        }
        Value::Dict(rows)
    }

    fn attribute(&mut self, scope: &Scope, of: Value, name: &str, line: u32) -> Value {
        match (of, name) {
            (Value::Known(module), _) if module.starts_with("module:") => {
                let file = PathBuf::from(module.trim_start_matches("module:"));
                let read = self.module(&file);
                let bound = read.and_then(|read| read.names.get(name).map(|bound| bound.value.clone()));
                bound.unwrap_or_else(|| unknown(scope, line, None))
            }
            (Value::Known(module), _) => Value::Known(format!("{module}.{name}")),
            (Value::Path(path), "parent") => Value::Path(path.parent().unwrap_or(&path).to_owned()),
            (Value::Path(path), "parents") => Value::List(
                path.ancestors()
                    .skip(1)
                    .map(|path| Value::Path(path.to_owned()))
                    .collect(),
            ),
            (Value::Path(path), "name") => Value::Text(
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ),
            (Value::Path(path), "stem") => Value::Text(
                path.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ),
            (unknown @ Value::Unknown(_), _) => unknown,
            // What `urlsplit` made.
            (of @ Value::Dict(_), _) if of.get("netloc").is_some() => match of.get(name) {
                Some(part) => part.clone(),
                None => unknown(scope, line, None),
            },
            _ => unknown(scope, line, None),
        }
    }

    fn index(&mut self, scope: &Scope, of: Value, key: &Value, line: u32) -> Value {
        match (&of, key) {
            (Value::Unknown(_), _) => of,
            (Value::Known(name), Value::Text(variable)) if name == "os.environ" || name == "environ" => {
                self.variable(scope, variable, None, line)
            }
            (Value::Dict(rows), _) => {
                let found = rows.iter().find(|(known, _)| known.same(key) == Some(true));
                found.map_or_else(|| unknown(scope, line, None), |(_, value)| value.clone())
            }
            (Value::List(items), _) => {
                // What stands before an unknown number of elements has its place; what comes after does not.
                let found = index_of(key, items.len()).and_then(|index| items.get(index));
                found.cloned().unwrap_or_else(|| unknown(scope, line, None))
            }
            (Value::Text(text), _) => {
                let count = text.chars().count();
                let found = index_of(key, count).and_then(|index| text.chars().nth(index));
                found.map_or_else(|| unknown(scope, line, None), |c| Value::Text(c.to_string()))
            }
            _ => unknown(scope, line, None),
        }
    }

    fn either(&mut self, scope: &mut Scope, left: &Expr, right: &Expr, or: bool) -> Value {
        let line = left.line;
        let left = self.value(scope, left);
        match left.truth() {
            Some(truth) if truth == or => left,
            Some(_) => self.value(scope, right),
            None => match self.value(scope, right).truth() {
                // `unknown and False` is false, `unknown or True` is true, whatever the unknown is.
                Some(truth) if truth == or => Value::Bool(or),
                Some(_) | None => {
                    if matches!(left, Value::Unknown(_)) {
                        left
                    } else {
                        unknown(scope, line, None)
                    }
                }
            },
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the operands are done with")]
    pub(super) fn binary(
        &mut self,
        scope: &Scope,
        left: Value,
        operator: &str,
        right: Value,
        line: u32,
    ) -> Value {
        let done = match (operator, &left, &right) {
            // A list with something unknown at its end is still known before it.
            ("+", Value::List(a), Value::List(b)) => {
                Some(Value::of_list([a.as_slice(), b.as_slice()].concat()))
            }
            ("+", Value::List(a), Value::Unknown(_)) => Some(Value::of_list(
                [a.as_slice(), std::slice::from_ref(&right)].concat(),
            )),
            ("+", Value::Unknown(_), Value::List(b)) => Some(Value::of_list(
                [std::slice::from_ref(&left), b.as_slice()].concat(),
            )),
            (_, Value::Unknown(_), _) => Some(left.clone()),
            (_, _, Value::Unknown(_)) => Some(right.clone()),
            ("+", Value::Text(a), Value::Text(b)) => Some(Value::of_text(format!("{a}{b}"))),
            ("%", Value::Text(text), _) => percent(text, &right).map(Value::of_text),
            ("/", Value::Path(path), _) => right.text().map(|more| Value::Path(path.join(more))),
            ("*", Value::Text(text), Value::Int(times)) if (0..=TIMES).contains(times) => {
                Some(Value::of_text(text.repeat(usize::try_from(*times).unwrap_or(0))))
            }
            ("|", Value::Dict(a), Value::Dict(b)) => {
                let mut rows = a.clone();
                b.iter()
                    .for_each(|(key, value)| Value::set(&mut rows, key.clone(), value.clone()));
                Some(Value::Dict(rows))
            }
            _ => arithmetic(&left, operator, &right),
        };
        done.unwrap_or_else(|| unknown(scope, line, None))
    }

    fn comprehension(
        &mut self,
        scope: &mut Scope,
        key: Option<&Expr>,
        element: &Expr,
        names: &[String],
        of: Value,
        condition: Option<&Expr>,
    ) -> Value {
        let items = match of {
            Value::List(items) => items,
            Value::Dict(rows) => rows.into_iter().map(|(key, _)| key).collect(),
            unknown @ Value::Unknown(_) => return unknown,
            _ => return unknown(scope, element.line, None),
        };
        // Its names are its own.
        let outer = scope.locals.clone();
        scope.locals.get_or_insert_default();
        let (mut out, mut rows) = (Vec::new(), Vec::new());
        for item in items {
            self.spread(scope, names, item, element.line);
            let taken = condition.map_or(Some(true), |condition| self.value(scope, condition).truth());
            if taken == Some(false) {
                continue;
            }
            let value = if taken.is_none() {
                unknown(scope, element.line, None)
            } else {
                self.value(scope, element)
            };
            match key {
                Some(key) => {
                    let key = self.value(scope, key);
                    Value::set(&mut rows, key, value);
                }
                None => out.push(value),
            }
        }
        scope.locals = outer;
        if key.is_some() {
            Value::Dict(rows)
        } else {
            Value::of_list(out)
        }
    }

    /// A file's line, for notes.
    pub(super) fn place(scope: &Scope, line: u32) -> String {
        place(scope, line)
    }
}

fn number(text: &str) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok().map(Value::Int);
        }
    }
    let whole = lower.parse().ok().map(Value::Int);
    whole.or_else(|| lower.parse().ok().map(Value::Float))
}

/// As `str()` shows it.
pub(super) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::None => Some("None".into()),
        Value::Bool(value) => Some(if *value { "True" } else { "False" }.into()),
        Value::Float(number) => Some(number.to_string()),
        Value::Text(_) | Value::Path(_) | Value::Int(_) => value.text(),
        Value::List(_)
        | Value::Dict(_)
        | Value::Duration(_)
        | Value::Unknown(_)
        | Value::Known(_)
        | Value::Env(_)
        | Value::Function(_) => None,
    }
}

/// `"redis://%s:%s" % (host, port)`, `"%(host)s" % {...}`
fn percent(text: &str, right: &Value) -> Option<String> {
    let mut out = String::new();
    let single = [right.clone()];
    let mut values = right.list().unwrap_or(&single).iter();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (value, after) = match after.strip_prefix('(') {
            Some(named) => {
                let (name, after) = named.split_once(')')?;
                (right.get(name)?, after)
            }
            None => (values.next()?, after),
        };
        let after = after.strip_prefix(['s', 'd', 'i', 'r'])?;
        out.push_str(&shown(value)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn arithmetic(left: &Value, operator: &str, right: &Value) -> Option<Value> {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        return Some(match operator {
            "+" => Value::Int(a.checked_add(*b)?),
            "-" => Value::Int(a.checked_sub(*b)?),
            "*" => Value::Int(a.checked_mul(*b)?),
            "//" => Value::Int(a.checked_div_euclid(*b)?),
            "%" => Value::Int(a.checked_rem_euclid(*b)?),
            "**" => Value::Int(a.checked_pow(u32::try_from(*b).ok()?)?),
            "<<" => Value::Int(
                a.checked_mul(1_i64.checked_shl(u32::try_from(*b).ok().filter(|bits| *bits < 62)?)?)?,
            ),
            "/" if *b != 0 => Value::Float(left.number()? / right.number()?),
            _ => return None,
        });
    }
    let duration = matches!(left, Value::Duration(_)) || matches!(right, Value::Duration(_));
    let (a, b) = (left.number()?, right.number()?);
    let result = match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" if b != 0.0 => a / b,
        _ => return None,
    };
    Some(if duration {
        Value::Duration(result)
    } else {
        Value::Float(result)
    })
}

fn compare(left: &Value, operator: &str, right: &Value) -> Option<bool> {
    match operator {
        "==" | "is" => left.same(right),
        "!=" | "is not" => left.same(right).map(|same| !same),
        "in" => contains(right, left),
        "not in" => contains(right, left).map(|found| !found),
        _ => {
            let order = match (left, right) {
                (Value::Text(a), Value::Text(b)) => a.cmp(b),
                _ => left.number()?.total_cmp(&right.number()?),
            };
            Some(match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

fn contains(all: &Value, one: &Value) -> Option<bool> {
    match (all, one) {
        (_, Value::Unknown(_)) => None,
        (Value::Text(all), Value::Text(one)) => Some(all.contains(one.as_str())),
        (Value::List(items), _) => {
            if items.iter().any(|item| item.same(one) == Some(true)) {
                return Some(true);
            }
            if all.unknown().is_some() {
                None
            } else {
                Some(false)
            }
        }
        (Value::Dict(rows), _) => Some(rows.iter().any(|(key, _)| key.same(one) == Some(true))),
        _ => None,
    }
}

fn slice(of: &Value, from: Option<&Value>, to: Option<&Value>) -> Option<Value> {
    let length = match of {
        Value::List(items) if of.unknown().is_none() => items.len(),
        Value::Text(text) => text.chars().count(),
        _ => return None,
    };
    let end = |value: Option<&Value>, default: usize| match value {
        None => Some(default),
        Some(Value::Int(number)) => {
            let whole = i64::try_from(length).ok()?;
            let at = if *number < 0 { whole + number } else { *number };
            usize::try_from(at.clamp(0, whole)).ok()
        }
        Some(_) => None,
    };
    let (from, to) = (end(from, 0)?, end(to, length)?);
    let taken = to.saturating_sub(from);
    Some(match of {
        Value::List(items) => Value::List(items.iter().skip(from).take(taken).cloned().collect()),
        _ => Value::Text(of.text()?.chars().skip(from).take(taken).collect()),
    })
}
