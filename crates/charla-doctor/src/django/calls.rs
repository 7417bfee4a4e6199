//! Calls whose result is known without running anything: the environment, paths, strings, and the few libraries that
//! settings are written with (django-environ, python-decouple, dj-database-url, python-dotenv).

use std::path::{Path, PathBuf};

use super::address::{database, list_of, truth_of};
use super::builtins::{Given, duration, normal, plain, text_method};
use super::environment::Variable;
use super::run::{Reader, Scope, unknown};
use super::syntax::{Argument, Expr, ExprKind};
use super::value::Value;

impl Reader<'_> {
    pub(super) fn called(
        &mut self,
        scope: &mut Scope,
        called: &Expr,
        arguments: &[Argument],
        line: u32,
    ) -> Value {
        let given = self.given(scope, arguments);
        if let ExprKind::Attribute(of, method) = &called.kind {
            let of = self.value(scope, of);
            if !matches!(of, Value::Known(_)) {
                return self.method(scope, of, method, &given, line);
            }
        }
        match self.value(scope, called) {
            Value::Known(name) => self.known(scope, &name, &given, line),
            Value::Env(scheme) => self.environ(scope, &scheme, "", &given, line),
            Value::Function(function) => {
                let named = given.names.into_iter().map(|(name, value)| (Some(name), value));
                let all = given
                    .places
                    .into_iter()
                    .map(|value| (None, value))
                    .chain(named)
                    .collect();
                self.call(scope, &function, all, line)
            }
            unknown @ Value::Unknown(_) => unknown,
            _ => unknown(scope, line, None),
        }
    }

    fn given(&mut self, scope: &mut Scope, arguments: &[Argument]) -> Given {
        let mut given = Given {
            places: Vec::new(),
            names: Vec::new(),
        };
        for argument in arguments {
            let value = self.value(scope, &argument.value);
            match (&argument.name, value) {
                (Some(name), value) => given.names.push((name.clone(), value)),
                (None, Value::List(items)) if argument.starred => given.places.extend(items),
                (None, Value::Dict(rows)) if argument.starred => {
                    given.names.extend(
                        rows.into_iter()
                            .filter_map(|(key, value)| Some((key.text()?, value))),
                    );
                }
                (None, value) => given.places.push(value),
            }
        }
        given
    }

    /// A variable of the environment, with its default.
    pub(super) fn variable(
        &mut self,
        scope: &Scope,
        name: &str,
        default: Option<&Value>,
        line: u32,
    ) -> Value {
        match (self.environment.get(name), default) {
            (Variable::Set(value), _) => Value::Text(value),
            (Variable::Unset, Some(default)) => default.clone(),
            (Variable::Hidden, Some(default)) if !matches!(default, Value::None) => {
                let note = format!("{name} at {}", Self::place(scope, line));
                if !self.environment.assumed.contains(&note) {
                    self.environment.assumed.push(note);
                }
                default.clone()
            }
            (Variable::Unset | Variable::Hidden, _) => unknown(scope, line, Some(name.to_owned())),
        }
    }

    /// A side of a comparison. A variable that is asked for without a default is compared as if it were not set, where that cannot
    /// be seen; it is noted like a default.
    pub(super) fn compared(&mut self, scope: &mut Scope, expr: &Expr) -> Value {
        let value = self.value(scope, expr);
        let (Value::Unknown(unknown), ExprKind::Call(called, arguments)) = (&value, &expr.kind) else {
            return value;
        };
        let asks = matches!(called.last_name(), Some("get" | "getenv")) && arguments.len() == 1;
        let Some(name) = unknown.needs.as_ref().filter(|_| asks) else {
            return value;
        };
        let note = format!("{name} at {}", Self::place(scope, expr.line));
        if !self.environment.assumed.contains(&note) {
            self.environment.assumed.push(note);
        }
        Value::None
    }

    fn known(&mut self, scope: &mut Scope, name: &str, given: &Given, line: u32) -> Value {
        let done = match name {
            "os.environ.get" | "os.getenv" | "environ.get" | "getenv" => {
                let Some(variable) = given.text(0) else {
                    return unknown(scope, line, None);
                };
                let none = Value::None;
                return self.variable(
                    scope,
                    &variable,
                    Some(given.get("default", 1).unwrap_or(&none)),
                    line,
                );
            }
            "decouple.config" | "decouple.AutoConfig" => {
                if self.environment.take_decouple() {
                    self.environment.load_above(self.files, &scope.file);
                }
                return self.cast_variable(scope, given, None, line);
            }
            "environ.Env" => Some(Value::Env(given.names.clone())),
            "environ.Env.read_env" | "dotenv.load_dotenv" => {
                self.read_env(scope, given);
                Some(Value::None)
            }
            "environ.Path" => given.text(0).map(|text| Value::Path(PathBuf::from(text))),
            "dj_database_url.config" => {
                let variable = given
                    .get("env", 0)
                    .and_then(Value::text)
                    .unwrap_or_else(|| "DATABASE_URL".into());
                let url = self.variable(
                    scope,
                    &variable,
                    Some(given.get("default", 1).unwrap_or(&Value::None)),
                    line,
                );
                return self.database(scope, &url, given, line);
            }
            "dj_database_url.parse" => {
                let url = given.first().cloned().unwrap_or(Value::None);
                return self.database(scope, &url, given, line);
            }
            "datetime.timedelta" | "datetime.datetime.timedelta" => duration(given),
            "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" => {
                let parts: Option<Vec<String>> = given.places.iter().map(Value::text).collect();
                parts.map(|parts| Value::Path(parts.iter().collect()))
            }
            _ if name.starts_with("os.path.") => self.os_path(name.trim_start_matches("os.path."), given),
            _ => plain(name, given),
        };
        let lost = given
            .places
            .iter()
            .chain(given.names.iter().map(|(_, value)| value))
            .find(|value| matches!(value, Value::Unknown(_)));
        done.or_else(|| lost.cloned())
            .unwrap_or_else(|| unknown(scope, line, None))
    }

    fn read_env(&mut self, scope: &Scope, given: &Given) {
        let path = given
            .get("env_file", 0)
            .or_else(|| given.get("dotenv_path", 0))
            .and_then(Value::text);
        match path {
            Some(path) => {
                let path = scope.file.parent().unwrap_or(Path::new("")).join(path);
                self.environment.load(self.files, &path);
            }
            None => self.environment.load_above(self.files, &scope.file),
        }
    }

    fn database(&mut self, scope: &Scope, url: &Value, given: &Given, line: u32) -> Value {
        let Some(mut rows) = url.text().and_then(|url| database(&url)) else {
            return if matches!(url, Value::Unknown(_)) {
                url.clone()
            } else {
                unknown(scope, line, None)
            };
        };
        for (name, value) in &given.names {
            if name == "conn_max_age" || name == "engine" {
                Value::set(&mut rows, Value::Text(name.to_ascii_uppercase()), value.clone());
            }
        }
        Value::Dict(rows)
    }

    /// `config("X", default=..., cast=...)` and django-environ's `env("X", ...)`.
    fn cast_variable(&mut self, scope: &mut Scope, given: &Given, cast: Option<&Value>, line: u32) -> Value {
        let Some(name) = given.get("var", 0).and_then(Value::text) else {
            return unknown(scope, line, None);
        };
        let default = given
            .get("default", usize::MAX)
            .or_else(|| given.places.get(1).filter(|_| cast.is_none()));
        let value = self.variable(scope, &name, default, line);
        let cast = given.get("cast", usize::MAX).or(cast).cloned();
        // A default is taken as it is, unless it is a text to be cast as well.
        match (cast, value) {
            (Some(cast), Value::Text(text)) => self.cast(scope, &cast, text, line),
            (_, value) => value,
        }
    }

    fn cast(&mut self, scope: &mut Scope, cast: &Value, text: String, line: u32) -> Value {
        let done = match cast {
            Value::Known(name) => match name.rsplit('.').next().unwrap_or(name) {
                "str" => Some(Value::Text(text)),
                "bool" | "strtobool" => truth_of(&text).map(Value::Bool),
                "int" => text.trim().parse().ok().map(Value::Int),
                "float" => text.trim().parse().ok().map(Value::Float),
                "list" | "tuple" | "set" | "Csv()" => Some(list_of(&text)),
                "loads" | "json" => serde_json::from_str::<serde_json::Value>(&text)
                    .ok()
                    .map(Value::from),
                "parse" | "db" | "db_url" => database(&text).map(Value::Dict),
                _ => None,
            },
            // django-environ: [str] is a list.
            Value::List(_) => Some(list_of(&text)),
            Value::Function(function) => {
                return self.call(
                    scope,
                    &std::sync::Arc::clone(function),
                    vec![(None, Value::Text(text))],
                    line,
                );
            }
            _ => None,
        };
        done.unwrap_or_else(|| unknown(scope, line, None))
    }

    /// django-environ: `env("X")`, `env.bool("X", default=False)`.
    fn environ(
        &mut self,
        scope: &mut Scope,
        scheme: &[(String, Value)],
        method: &str,
        given: &Given,
        line: u32,
    ) -> Value {
        if method == "read_env" {
            self.read_env(scope, given);
            return Value::None;
        }
        let kind = |name: &str| Some(Value::Known(name.to_owned()));
        let cast = match method {
            "" => {
                let name = given.first().and_then(Value::text).unwrap_or_default();
                match scheme
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, row)| row)
                {
                    // DEBUG=(bool, False)
                    Some(Value::List(row)) => {
                        let default = given.get("default", 2).or(row.get(1));
                        let value = self.variable(scope, &name, default, line);
                        return match (row.first(), value) {
                            (Some(cast), Value::Text(text)) => self.cast(scope, &cast.clone(), text, line),
                            (_, value) => value,
                        };
                    }
                    Some(cast) => Some(cast.clone()),
                    None => kind("str"),
                }
            }
            "str" | "url" | "unicode" | "path" => kind("str"),
            "bool" | "int" | "float" | "list" | "tuple" | "json" => kind(method),
            "db" | "db_url" => {
                let named = given
                    .get("var", 0)
                    .and_then(Value::text)
                    .unwrap_or_else(|| "DATABASE_URL".into());
                let url = self.variable(scope, &named, given.get("default", 1), line);
                return self.database(scope, &url, given, line);
            }
            _ => return unknown(scope, line, given.first().and_then(Value::text)),
        };
        // env.str(name, default) takes it by place as well.
        let default = given.get("default", 1);
        let mut names = given.names.clone();
        if let Some(default) = default {
            names.push(("default".into(), default.clone()));
        }
        let given = Given {
            places: given.places.iter().take(1).cloned().collect(),
            names,
        };
        self.cast_variable(scope, &given, cast.as_ref(), line)
    }

    fn os_path(&self, name: &str, given: &Given) -> Option<Value> {
        let first = given.text(0)?;
        Some(match name {
            "join" => {
                let parts: Option<Vec<String>> = given.places.iter().map(Value::text).collect();
                let path: PathBuf = parts?.iter().collect();
                Value::Text(path.display().to_string())
            }
            "dirname" => Value::Text(
                Path::new(&first)
                    .parent()
                    .unwrap_or(Path::new(""))
                    .display()
                    .to_string(),
            ),
            "basename" => Value::Text(
                Path::new(&first)
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ),
            "abspath" | "realpath" | "normpath" => {
                Value::Text(normal(Path::new(&first)).display().to_string())
            }
            "exists" | "isfile" => Value::Bool(self.files.is_file(Path::new(&first))),
            _ => return None,
        })
    }

    fn method(&mut self, scope: &mut Scope, of: Value, method: &str, given: &Given, line: u32) -> Value {
        let done = match &of {
            Value::Unknown(_) => return of,
            Value::Env(scheme) => {
                let scheme = scheme.clone();
                return self.environ(scope, &scheme, method, given, line);
            }
            Value::Text(text) => text_method(text, method, given),
            Value::Path(path) => self.path_method(path, method, given),
            Value::Dict(rows) => match method {
                "get" => {
                    let key = given.first();
                    let found = rows
                        .iter()
                        .find(|(known, _)| key.is_some_and(|key| known.same(key) == Some(true)));
                    let found = found.map(|(_, value)| value);
                    Some(found.or(given.places.get(1)).cloned().unwrap_or(Value::None))
                }
                "copy" => Some(of.clone()),
                "keys" => Some(Value::List(rows.iter().map(|(key, _)| key.clone()).collect())),
                "values" => Some(Value::List(rows.iter().map(|(_, value)| value.clone()).collect())),
                "items" => Some(Value::List(
                    rows.iter()
                        .map(|(key, value)| Value::List(vec![key.clone(), value.clone()]))
                        .collect(),
                )),
                _ => None,
            },
            Value::List(items) if method == "copy" => Some(Value::List(items.clone())),
            Value::Duration(seconds) if method == "total_seconds" => Some(Value::Float(*seconds)),
            _ => None,
        };
        let lost = given
            .places
            .iter()
            .find(|value| matches!(value, Value::Unknown(_)));
        done.or_else(|| lost.cloned())
            .unwrap_or_else(|| unknown(scope, line, None))
    }

    fn path_method(&self, path: &Path, method: &str, given: &Given) -> Option<Value> {
        Some(match method {
            "resolve" | "absolute" | "expanduser" => Value::Path(normal(path)),
            "joinpath" => {
                let parts: Option<Vec<String>> = given.places.iter().map(Value::text).collect();
                Value::Path(path.join(parts?.iter().collect::<PathBuf>()))
            }
            "exists" | "is_file" => Value::Bool(self.files.is_file(path)),
            "as_posix" | "__str__" => Value::Text(path.display().to_string()),
            "with_name" => Value::Path(path.with_file_name(given.text(0)?)),
            // A secret in a file of its own, as containers are given theirs.
            "read_text" => Value::Text(self.files.read(path)?),
            _ => return None,
        })
    }

    /// A call that stands for itself: it may change what it is called on.
    pub(super) fn effect(&mut self, scope: &mut Scope, expr: &Expr) {
        let ExprKind::Call(called, arguments) = &expr.kind else {
            self.value(scope, expr);
            return;
        };
        let ExprKind::Attribute(of, method) = &called.kind else {
            self.value(scope, expr);
            return;
        };
        const CHANGES: [&str; 9] = [
            "update",
            "append",
            "extend",
            "insert",
            "remove",
            "setdefault",
            "pop",
            "add",
            "clear",
        ];
        if !CHANGES.contains(&method.as_str())
            || matches!(
                self.value(scope, of),
                Value::Known(_) | Value::Env(_) | Value::Unknown(_)
            )
        {
            self.value(scope, expr);
            return;
        }
        let given = self.given(scope, arguments);
        let at = Self::place(scope, expr.line);
        let lost = unknown(scope, expr.line, None);
        self.change(scope, of, |slot| change(slot, method, given, lost), &at);
    }
}

fn change(slot: &mut Value, method: &str, given: Given, lost: Value) {
    let mut places = given.places.into_iter();
    match (slot, method, places.next()) {
        (Value::Dict(rows), "update", first) => {
            match first {
                Some(Value::Dict(more)) => more
                    .into_iter()
                    .for_each(|(key, value)| Value::set(rows, key, value)),
                Some(_) => Value::set(rows, lost.clone(), lost),
                None => {}
            }
            given
                .names
                .into_iter()
                .for_each(|(name, value)| Value::set(rows, Value::Text(name), value));
        }
        (Value::Dict(rows), "setdefault", Some(key)) => {
            if !rows.iter().any(|(known, _)| known.same(&key) == Some(true)) {
                Value::set(rows, key, places.next().unwrap_or(Value::None));
            }
        }
        (Value::Dict(rows), "pop", Some(key)) => rows.retain(|(known, _)| known.same(&key) != Some(true)),
        (Value::Dict(rows), "clear", None) => rows.clear(),
        (Value::List(items), "append" | "add", Some(value)) => items.push(value),
        (Value::List(items), "extend" | "update", Some(Value::List(more))) => items.extend(more),
        (Value::List(items), "extend" | "update", Some(value)) => items.push(value),
        (Value::List(items), "insert", Some(Value::Int(at))) => {
            let at = usize::try_from(at).unwrap_or(0).min(items.len());
            items.insert(at, places.next().unwrap_or(Value::None));
        }
        (Value::List(items), "remove", Some(value)) => {
            if let Some(at) = items.iter().position(|item| item.same(&value) == Some(true)) {
                items.remove(at);
            }
        }
        (slot, _, _) => *slot = lost,
    }
}
