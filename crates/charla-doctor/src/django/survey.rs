//! A whole project at once: settings, routes, consumers, models, and who may enter.

use std::collections::BTreeMap;
use std::path::Path;

use super::access::{Rows, Unclear};
use super::asks::{self, Asks};
use super::assigned::calls;
use super::condition::Condition;
use super::consumer::{self, Consumer, Event};
use super::environment::variables;
use super::fields::{self, FieldRole, Part};
use super::files::{Disk, Files};
use super::group::{self, Template};
use super::launch::{self, Launch};
use super::meaning::{Frame, Meaning};
use super::model::{self, Model};
use super::origin::{self, Secret};
use super::query::From;
use super::route::Route;
use super::settings::Settings;
use super::syntax::{Expr, ExprKind, Stmt, StmtKind};
use super::tree::{In, Tree, each, text};

/// Calls that lead to calls, from a consumer's `connect` on.
const DEPTH: u32 = 4;

/// Everything that was found.
#[derive(Debug)]
pub struct Survey {
    /// Its settings. They hold secrets.
    pub settings: Settings,
    /// WebSocket routes.
    pub routes: Vec<Route>,
    /// Consumers.
    pub consumers: Vec<Consumer>,
    /// Names of groups.
    pub groups: Vec<Template>,
    /// Event types.
    pub events: Vec<Event>,
    /// What the handshake is asked for.
    pub asks: Asks,
    /// Who may enter.
    pub entry: Option<Entry>,
    /// Where messages are written.
    pub stored: Option<Stored>,
    /// Where secrets stand: the signing key, passwords, the layer's keys.
    pub secrets: Vec<Secret>,
    /// How the application is started.
    pub launch: Option<Launch>,
    /// Lines of Python that could not be read.
    pub unread: Vec<String>,
}

/// Who may enter a chat.
#[derive(Debug)]
pub struct Entry {
    /// The model of the chats.
    pub chat: Model,
    /// The model of the users.
    pub user: Model,
    /// Where the chat is looked up.
    pub at: String,
    /// The condition as SQL over `u`, the user's row, and `c`, the chat's.
    pub condition: Option<String>,
    /// What of it concerns the user alone: support staff.
    pub staff: Option<String>,
    /// Where the condition stands.
    pub condition_at: Option<String>,
    /// Conditions that were not understood.
    pub unclear: Vec<String>,
}

/// Where a consumer writes a message.
#[derive(Debug)]
pub struct Stored {
    /// The model.
    pub model: Model,
    /// Columns with what goes into them.
    pub columns: Vec<(String, StoredValue)>,
    /// File and line.
    pub at: String,
}

/// What goes into a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredValue {
    /// The chat's id.
    Chat,
    /// The author's id.
    Author,
    /// The author's name.
    AuthorName,
    /// The words.
    Text,
    /// The moment; Django fills it in by itself.
    SentAt,
    /// It could not be told.
    Unclear,
}

/// Finds and reads a project; none where there is none.
///
/// `module` is `DJANGO_SETTINGS_MODULE` where somebody named it. `env` is the text of a file with the environment of the
/// server's process, `NAME=value` a line; without it what depends on it is unknown or assumed.
#[must_use]
pub fn survey(given: &Path, module: Option<&str>, env: Option<&str>) -> Option<Survey> {
    of(&Disk, given, module, env)
}

pub(super) fn of(files: &dyn Files, given: &Path, module: Option<&str>, env: Option<&str>) -> Option<Survey> {
    let env = env.map(variables);
    let settings = super::read(files, given, env.as_ref(), module)?;
    let tree = Tree::read(files, settings.root());
    let models = model::models(&tree, &settings);
    let talk = consumer::read(&tree, &models);
    let mut consumers = talk.consumers;
    let mut routes: Vec<Route> = settings
        .routing
        .routes
        .iter()
        .map(|(pattern, at)| Route::new(pattern, at))
        .collect();
    bare(&tree, &mut consumers, &mut routes);
    routes.sort_by(|a, b| a.at.len().cmp(&b.at.len()).then_with(|| a.at.cmp(&b.at)));
    let entry = entry(&tree, &models, &settings);
    Some(Survey {
        stored: entry.as_ref().and_then(|entry| stored(&tree, &models, entry)),
        entry,
        routes,
        consumers,
        groups: talk.groups,
        events: talk.events,
        asks: asks::read(&tree),
        secrets: origin::secrets(&tree, &settings),
        launch: launch::find(files, settings.root()),
        unread: tree
            .modules
            .iter()
            .flat_map(|module| module.unread.iter().map(|line| module.at(*line)))
            .collect(),
        settings,
    })
}

/// Consumers that are functions: `async def chat(scope, receive, send)`.
fn bare(tree: &Tree, consumers: &mut Vec<Consumer>, routes: &mut Vec<Route>) {
    for (class, function) in tree.functions() {
        let names: Vec<&str> = function
            .it
            .parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        if class.is_some() || names != ["scope", "receive", "send"] {
            continue;
        }
        let mut used = false;
        for module in &tree.modules {
            each(&module.body, &mut |expr| {
                if let ExprKind::Call(called, arguments) = &expr.kind
                    && matches!(called.last_name(), Some("path" | "re_path" | "url"))
                    && let [pattern, target, ..] = arguments.as_slice()
                    && target.value.last_name() == Some(function.it.name.as_str())
                    && let Some(pattern) = text(&pattern.value)
                {
                    used = true;
                    routes.push(Route::new(pattern, &module.at(expr.line)));
                }
            });
        }
        if used {
            consumers.push(Consumer {
                name: function.it.name.clone(),
                at: function.at(),
                bare: true,
                reads: Vec::new(),
                codes: Vec::new(),
            });
        }
    }
}

/// The consumers' own functions, with the frame of each.
fn consumer_frames(tree: &Tree) -> Vec<Frame<'_>> {
    let consumers = tree.functions().into_iter().filter_map(|(class, function)| {
        let class = class.filter(|class| consumer::is_consumer(tree, *class))?;
        Some(tree.frame(Some(class), function))
    });
    consumers.collect()
}

/// The model of the chats: what the consumer looks up by a part of its address.
fn chat_model<'m>(tree: &Tree, models: &'m [Model], user: &Model) -> Option<(&'m Model, String)> {
    let known = |name: &str| {
        models
            .iter()
            .find(|model| model.name == name && model.name != user.name)
    };
    let mut found = None;
    let mut frames = consumer_frames(tree);
    let others = tree.functions().into_iter();
    frames.extend(others.map(|(class, function)| tree.frame(class, function)));
    for frame in &frames {
        let Some(function) = frame.function else { continue };
        each(&function.it.body, &mut |expr| {
            let Some(chain) = tree.chain(frame, expr) else {
                return;
            };
            let From::Model(name) = &chain.from else { return };
            let by_chat = chain.filters.iter().any(|(lookup, value)| {
                matches!(*lookup, "id" | "pk" | "slug" | "uuid")
                    && match tree.meaning(frame, value) {
                        Meaning::Kwarg(name) => group::place_of(&name) != Some("{tenant}"),
                        Meaning::Other(name) => group::place_of(&name) == Some("{chat}"),
                        _ => false,
                    }
            });
            if let Some(model) = known(name).filter(|_| by_chat) {
                found.get_or_insert((model, frame.module.at(expr.line)));
            }
        });
    }
    found.or_else(|| {
        let model = ["Chat", "Room", "Sala", "Conversacion", "Conversation", "Ticket"]
            .iter()
            .find_map(|name| known(name))?;
        Some((model, model.at.clone()?))
    })
}

fn entry(tree: &Tree, models: &[Model], settings: &Settings) -> Option<Entry> {
    let user_model = settings
        .text("AUTH_USER_MODEL")
        .unwrap_or_else(|| "auth.User".into());
    let user_name = user_model.rsplit('.').next()?;
    let user = models.iter().find(|model| model.name == user_name)?;
    let (chat, at) = chat_model(tree, models, user)?;
    let rows = Rows {
        tree,
        models,
        user,
        chat,
        own_permissions: super::permission::is_own(settings),
    };
    let mut search = Search {
        rows: &rows,
        found: None,
        unclear: Vec::new(),
    };
    let frames = consumer_frames(tree);
    let connects = || {
        frames
            .iter()
            .filter(|frame| named(frame, &["connect", "websocket_connect"]))
    };
    for frame in connects() {
        if search.found.is_none() {
            search.guards(frame, 0);
        }
    }
    if search.found.is_none() {
        for frame in connects() {
            search.questions(frame, 0);
        }
    }
    let (condition, condition_at) = match search.found {
        Some((condition, at)) => (Some(condition), Some(at)),
        None => (None, None),
    };
    Some(Entry {
        staff: condition.as_ref().and_then(Condition::staff),
        condition: condition.map(|condition| condition.sql()),
        condition_at,
        chat: chat.clone(),
        user: user.clone(),
        at,
        unclear: search.unclear,
    })
}

fn named(frame: &Frame<'_>, names: &[&str]) -> bool {
    frame
        .function
        .is_some_and(|function| names.contains(&function.it.name.as_str()))
}

/// The search for who may enter.
struct Search<'t> {
    rows: &'t Rows<'t>,
    found: Option<(Condition, String)>,
    unclear: Vec<String>,
}

impl<'t> Search<'t> {
    /// `if not ...: await self.close(code=4403)`
    fn guards(&mut self, frame: &Frame<'t>, depth: u32) {
        let Some(function) = frame.function else { return };
        let mut ifs: Vec<(&Expr, &[Stmt])> = Vec::new();
        function.it.body.iter().for_each(|stmt| {
            stmt.walk(&mut |stmt| {
                if let StmtKind::If(branches) = &stmt.kind {
                    for (condition, body) in branches {
                        if let Some(condition) = condition {
                            ifs.push((condition, body));
                        }
                    }
                }
            });
        });
        for (condition, body) in ifs {
            if calls(body, "close").is_empty() && calls(body, "rechazar").is_empty() {
                continue;
            }
            self.guard(frame, condition);
        }
        if depth < DEPTH && self.found.is_none() {
            for inner in self.inner(frame) {
                self.guards(&inner, depth + 1);
            }
        }
    }

    fn guard(&mut self, frame: &Frame<'t>, condition: &Expr) {
        let at = frame.module.at(condition.line);
        match self.rows.refused(frame, condition) {
            Ok(Some(allowed)) if has_sql(&allowed) => {
                let at = self.rows.place(frame, condition).unwrap_or(at);
                self.found = Some(match self.found.take() {
                    Some((before, first)) => (Condition::And(Box::new(before), Box::new(allowed)), first),
                    None => (allowed, at),
                });
            }
            Ok(_) => {}
            Err(Unclear(what)) => self.note(what),
        }
    }

    /// Functions that are given the user, and answer yes or no.
    fn questions(&mut self, frame: &Frame<'t>, depth: u32) {
        for inner in self.inner(frame) {
            let asked = inner
                .bound
                .values()
                .any(|meaning| matches!(meaning, Meaning::User(_) | Meaning::Row(..)));
            if asked && self.found.is_none() {
                match self.rows.function(&inner, 0) {
                    Ok(condition) if has_sql(&condition) => {
                        let at = inner.function.map(|function| function.at()).unwrap_or_default();
                        self.found = Some((condition, at));
                    }
                    Ok(_) => {}
                    Err(Unclear(what)) => self.note(what),
                }
            }
            if self.found.is_none() && depth < DEPTH {
                self.questions(&inner, depth + 1);
            }
        }
    }

    fn note(&mut self, what: String) {
        if !self.unclear.contains(&what) {
            self.unclear.push(what);
        }
    }

    /// The frames of what a function calls.
    fn inner(&self, frame: &Frame<'t>) -> Vec<Frame<'t>> {
        let mut found = Vec::new();
        let Some(function) = frame.function else {
            return found;
        };
        each(&function.it.body, &mut |expr| {
            if let ExprKind::Call(called, arguments) = &expr.kind
                && let Some(inner) = self.rows.tree.entered(frame, called, arguments, 0)
                && found.len() < 50
            {
                found.push(inner);
            }
        });
        found
    }
}

fn has_sql(condition: &Condition) -> bool {
    match condition {
        Condition::Sql(..) => true,
        Condition::True | Condition::False => false,
        Condition::And(a, b) | Condition::Or(a, b) => has_sql(a) || has_sql(b),
        Condition::Not(of) => has_sql(of),
    }
}

/// `Message.objects.create(chat=..., author=..., text=...)`
fn stored(tree: &Tree, models: &[Model], entry: &Entry) -> Option<Stored> {
    let mut found: Option<Stored> = None;
    for (class, function) in tree.functions() {
        let consumer = class.is_some_and(|class| consumer::is_consumer(tree, class));
        let frame = tree.frame(class, function);
        each(&function.it.body, &mut |expr| {
            let Some(chain) = tree.chain(&frame, expr) else {
                return;
            };
            let From::Model(name) = &chain.from else { return };
            let leads = models.iter().find(|model| {
                model.name == *name
                    && model
                        .fields
                        .iter()
                        .any(|field| field.to.as_ref() == Some(&entry.chat.name))
            });
            let Some(model) = leads.filter(|_| matches!(chain.last.as_str(), "create" | "acreate")) else {
                return;
            };
            let columns = columns(model, entry, chain.filters.iter().map(|(name, _)| *name));
            let says = columns.iter().any(|(_, value)| *value == StoredValue::Text);
            if says && (found.is_none() || consumer) {
                found = Some(Stored {
                    model: model.clone(),
                    columns,
                    at: frame.module.at(expr.line),
                });
            }
        });
    }
    found
}

fn columns<'n>(
    model: &Model,
    entry: &Entry,
    given: impl Iterator<Item = &'n str>,
) -> Vec<(String, StoredValue)> {
    let given: Vec<&str> = given.collect();
    let mut columns = BTreeMap::new();
    let of = |name: &str| model.field(name).map(|field| field.column.clone());
    let mut order = Vec::new();
    for field in &model.fields {
        let dated = field.kind.starts_with("Date");
        let named = given
            .iter()
            .any(|name| model.field(name).is_some_and(|known| known.name == field.name));
        if !named && !dated {
            continue;
        }
        let value = if dated {
            StoredValue::SentAt
        } else if field.to.as_ref() == Some(&entry.chat.name) {
            StoredValue::Chat
        } else if field.to.as_ref() == Some(&entry.user.name) {
            StoredValue::Author
        } else {
            match fields::role(&field.name, &Meaning::Text(String::new())) {
                FieldRole::Text => StoredValue::Text,
                FieldRole::Author => StoredValue::AuthorName,
                FieldRole::AuthorId => StoredValue::Author,
                FieldRole::Tenant | FieldRole::Data => StoredValue::Unclear,
            }
        };
        if let Some(column) = of(&field.name) {
            order.push(column.clone());
            columns.insert(column, value);
        }
    }
    order
        .into_iter()
        .filter_map(|column| columns.remove_entry(&column))
        .collect()
}

impl Survey {
    /// Keys that clients send.
    #[must_use]
    pub fn said(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for (key, _) in self.consumers.iter().flat_map(|consumer| &consumer.reads) {
            if !parts.iter().any(|part| part.key == *key) {
                let role = fields::role(key, &Meaning::Content(Some(key.clone())));
                parts.push(Part {
                    key: key.clone(),
                    role,
                });
            }
        }
        parts
    }
}

impl<T> std::fmt::Debug for In<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.at())
    }
}

#[cfg(test)]
mod tests;
