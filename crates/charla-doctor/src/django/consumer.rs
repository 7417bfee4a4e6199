//! Consumers and events: which groups they join, what is sent to groups, what clients send and get.

use super::assigned::calls;
use super::fields::{FieldRole, Part, dict, role};
use super::group::{Template, names_of, template};
use super::meaning::{Frame, Meaning};
use super::model::Model;
use super::syntax::{Class, Expr, ExprKind, Function};
use super::tree::{In, Tree, named};

/// What an event is for, as far as its name and its fields tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Words of somebody in the chat.
    Message,
    /// To one person.
    Notification,
    /// The chat is closed.
    Closed,
    /// Anything else.
    Other,
}

/// What a consumer's handler does with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sends {
    /// The whole event.
    Whole,
    /// One key of it.
    Key(String),
    /// Keys of its own, each from a key of the event where it is one.
    Fields(Vec<(String, Option<String>)>),
    /// It could not be told.
    Unclear,
}

/// An event type.
#[derive(Clone, Debug)]
pub struct Event {
    /// As `type` says, dots turned into underscores.
    pub kind: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Its keys besides `type`, where a sender was found.
    pub fields: Vec<Part>,
    /// Where it is sent to groups.
    pub sent_at: Vec<String>,
    /// The groups that it is sent to.
    pub groups: Vec<String>,
    /// The consumer's method.
    pub handled_at: Option<String>,
    /// What the method sends.
    pub sends: Sends,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its class, or its function.
    pub name: String,
    /// File and line.
    pub at: String,
    /// It is a function and not a class: nothing of it is read.
    pub bare: bool,
    /// Keys that it reads of what clients send, with file and line.
    pub reads: Vec<(String, String)>,
    /// Close codes that it uses.
    pub codes: Vec<(u16, String)>,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) consumers: Vec<Consumer>,
    pub(super) groups: Vec<Template>,
    pub(super) events: Vec<Event>,
}

/// Methods of consumers that handle no event.
const OWN: [&str; 14] = [
    "connect",
    "disconnect",
    "receive",
    "receive_json",
    "accept",
    "close",
    "send",
    "send_json",
    "dispatch",
    "encode_json",
    "decode_json",
    "websocket_connect",
    "websocket_receive",
    "websocket_disconnect",
];

/// Whether a class handles WebSockets.
pub(super) fn is_consumer(tree: &Tree, class: In<'_, Class>) -> bool {
    tree.line_of(class).iter().any(|class| {
        class
            .it
            .bases
            .iter()
            .filter_map(Expr::last_name)
            .any(|name| name.ends_with("WebsocketConsumer") || name == "AsyncConsumer")
    })
}

/// Reads all of it.
pub(super) fn read(tree: &Tree, models: &[Model]) -> Talk {
    let mut talk = Talk::default();
    for class in tree.classes().filter(|class| is_consumer(tree, *class)) {
        talk.consumers.push(Consumer {
            name: class.it.name.clone(),
            at: class.at(),
            bare: false,
            reads: Vec::new(),
            codes: Vec::new(),
        });
    }
    for (class, function) in tree.functions() {
        let consumer = class.filter(|class| is_consumer(tree, *class));
        let frame = tree.frame(class, function);
        sent(tree, &frame, function, models, &mut talk);
        if let Some(class) = consumer {
            handled(tree, &frame, function, &mut talk);
            if let Some(known) = talk.consumers.iter_mut().find(|known| known.at == class.at()) {
                read_keys(tree, &frame, function, known);
            }
        }
    }
    for event in &mut talk.events {
        event.purpose = purpose(event);
    }
    talk
}

/// A call that names a group.
struct Sent<'t> {
    frame: Frame<'t>,
    line: u32,
    group: &'t Expr,
    /// What is sent; none for `group_add`.
    message: Option<&'t Expr>,
}

/// `group_add(name, ...)` and `group_send(name, {...})`, also through `async_to_sync`, and through a function that only hands
/// over what it is given.
fn sent<'t>(
    tree: &'t Tree,
    frame: &Frame<'t>,
    function: In<'t, Function>,
    models: &[Model],
    talk: &mut Talk,
) {
    let mut found: Vec<Sent<'t>> = Vec::new();
    super::tree::each(&function.it.body, &mut |expr| {
        let ExprKind::Call(called, arguments) = &expr.kind else {
            return;
        };
        let method = match &called.kind {
            ExprKind::Attribute(_, method) => Some(method.as_str()),
            ExprKind::Call(_, wrapped) => wrapped.first().and_then(|inner| inner.value.last_name()),
            _ => None,
        };
        let second = arguments.get(1).map(|given| &given.value);
        if let (Some(method @ ("group_add" | "group_send")), Some(group)) = (method, arguments.first()) {
            found.push(Sent {
                frame: frame.clone(),
                line: expr.line,
                group: &group.value,
                message: second.filter(|_| method == "group_send"),
            });
        }
    });
    for one in found {
        let place = |expr: &Expr| match &expr.kind {
            ExprKind::Name(name) => function.it.parameters.iter().position(|(own, _)| own == name),
            _ => None,
        };
        match (place(one.group), one.message.and_then(place)) {
            (Some(group), Some(message)) => {
                for call in handed(tree, function, group, message) {
                    note(tree, &call, models, talk);
                }
            }
            _ => note(tree, &one, models, talk),
        }
    }
}

/// The calls of a function that hands over the group and the event that it is given.
fn handed<'t>(tree: &'t Tree, function: In<'t, Function>, group: usize, message: usize) -> Vec<Sent<'t>> {
    let mut found = Vec::new();
    for (class, caller) in tree.functions() {
        let frame = tree.frame(class, caller);
        for call in calls(&caller.it.body, &function.it.name) {
            if let ExprKind::Call(_, arguments) = &call.kind
                && let (Some(group), Some(message)) = (arguments.get(group), arguments.get(message))
            {
                found.push(Sent {
                    frame: frame.clone(),
                    line: call.line,
                    group: &group.value,
                    message: Some(&message.value),
                });
            }
        }
    }
    found
}

fn note<'t>(tree: &'t Tree, sent: &Sent<'t>, models: &[Model], talk: &mut Talk) {
    let frame = &sent.frame;
    let at = || frame.module.at(sent.line);
    let names: Vec<Template> = names_of(tree, frame, sent.group)
        .iter()
        .map(|meaning| template(meaning, models, at()))
        .collect();
    for name in &names {
        if !talk.groups.iter().any(|known| known.text == name.text) {
            talk.groups.push(name.clone());
        }
    }
    let Some(message) = sent.message else { return };
    let fields = dict(tree, frame, message, 0);
    let kind = fields
        .iter()
        .find(|(key, _)| key == "type")
        .and_then(|(_, value)| match value {
            Meaning::Text(kind) => Some(kind.replace('.', "_")),
            _ => None,
        });
    let Some(kind) = kind else { return };
    let event = event(talk, &kind);
    event.sent_at.push(at());
    for name in names {
        if !event.groups.contains(&name.text) {
            event.groups.push(name.text);
        }
    }
    for (key, value) in fields.into_iter().filter(|(key, _)| key != "type") {
        let role = role(&key, &value);
        if !event.fields.iter().any(|known| known.key == key) {
            event.fields.push(Part { key, role });
        }
    }
}

#[expect(clippy::indexing_slicing, reason = "it was just found or pushed")]
fn event<'t>(talk: &'t mut Talk, kind: &str) -> &'t mut Event {
    let at = match talk.events.iter().position(|event| event.kind == kind) {
        Some(at) => at,
        None => {
            talk.events.push(Event {
                kind: kind.to_owned(),
                purpose: Purpose::Other,
                fields: Vec::new(),
                sent_at: Vec::new(),
                groups: Vec::new(),
                handled_at: None,
                sends: Sends::Unclear,
            });
            talk.events.len() - 1
        }
    };
    &mut talk.events[at]
}

/// A method that takes an event and nothing else.
fn handled(tree: &Tree, frame: &Frame<'_>, function: In<'_, Function>, talk: &mut Talk) {
    let name = &function.it.name;
    let [(_, _), (given, _)] = function.it.parameters.as_slice() else {
        return;
    };
    let sends = calls(&function.it.body, "send_json")
        .into_iter()
        .chain(calls(&function.it.body, "send"))
        .next();
    let known = talk.events.iter().any(|event| event.kind == *name);
    let handles = matches!(given.as_str(), "event" | "evento" | "message" | "data" | "msg");
    if OWN.contains(&name.as_str()) || name.starts_with('_') || (!known && (!handles || sends.is_none())) {
        return;
    }
    let mut frame = frame.clone();
    frame.bound.insert(given.clone(), Meaning::Event(None));
    let sends = sends.map_or(Sends::Unclear, |call| sends_of(tree, &frame, call));
    let event = event(talk, name);
    if event.handled_at.is_none() {
        event.handled_at = Some(function.at());
        event.sends = sends;
    }
}

fn sends_of(tree: &Tree, frame: &Frame<'_>, call: &Expr) -> Sends {
    let ExprKind::Call(_, arguments) = &call.kind else {
        return Sends::Unclear;
    };
    let given = named(call, "text_data")
        .or_else(|| named(call, "content"))
        .or_else(|| arguments.first().map(|argument| &argument.value));
    let Some(mut given) = given else {
        return Sends::Unclear;
    };
    if let ExprKind::Call(called, inner) = &given.kind
        && called.last_name() == Some("dumps")
        && let Some(inner) = inner.first()
    {
        given = &inner.value;
    }
    match tree.meaning(frame, given) {
        Meaning::Event(None) => return Sends::Whole,
        Meaning::Event(Some(key)) => return Sends::Key(key),
        _ => {}
    }
    if spreads(frame, given) {
        return Sends::Whole;
    }
    let fields = dict(tree, frame, given, 0);
    if fields.is_empty() {
        return Sends::Unclear;
    }
    let from = |meaning: &Meaning| match meaning {
        Meaning::Event(key) => key.clone(),
        _ => None,
    };
    Sends::Fields(
        fields
            .iter()
            .map(|(key, meaning)| (key.clone(), from(meaning)))
            .collect(),
    )
}

/// `{**event, "type": "x"}`
fn spreads(frame: &Frame<'_>, expr: &Expr) -> bool {
    let ExprKind::Dict(rows) = &expr.kind else {
        return false;
    };
    rows.iter().any(|(key, value)| {
        key.is_none()
            && matches!(&value.kind, ExprKind::Name(name) if frame.bound.get(name) == Some(&Meaning::Event(None)))
    })
}

fn read_keys(tree: &Tree, frame: &Frame<'_>, function: In<'_, Function>, consumer: &mut Consumer) {
    let mut reads = Vec::new();
    super::tree::each(&function.it.body, &mut |expr| {
        if matches!(expr.kind, ExprKind::Index(..) | ExprKind::Call(..))
            && let Meaning::Content(Some(key)) = tree.meaning(frame, expr)
        {
            reads.push((key, frame.module.at(expr.line)));
        }
    });
    for (key, at) in reads {
        if !consumer.reads.iter().any(|(known, _)| *known == key) {
            consumer.reads.push((key, at));
        }
    }
    for call in calls(&function.it.body, "close") {
        let ExprKind::Call(_, arguments) = &call.kind else {
            continue;
        };
        let given = named(call, "code").or_else(|| arguments.first().map(|argument| &argument.value));
        let code = given.and_then(|given| match tree.meaning(frame, given) {
            Meaning::Text(code) => code.parse().ok(),
            _ => None,
        });
        if let Some(code) = code
            && !consumer.codes.iter().any(|(known, _)| *known == code)
        {
            consumer.codes.push((code, frame.module.at(call.line)));
        }
    }
}

fn purpose(event: &Event) -> Purpose {
    let kind = event.kind.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    let to_user = event
        .groups
        .iter()
        .any(|group| group.contains("{user}") && !group.contains("{chat}"));
    let says = event.fields.iter().any(|field| field.role == FieldRole::Text);
    let said = event
        .fields
        .iter()
        .any(|field| matches!(field.role, FieldRole::Author | FieldRole::AuthorId));
    if has(&["closed", "close_chat", "cerrad", "cerrar", "cierre"]) {
        Purpose::Closed
    } else if has(&["notif"]) || to_user {
        Purpose::Notification
    } else if says && (said || has(&["message", "mensaje", "msg"])) {
        Purpose::Message
    } else {
        Purpose::Other
    }
}
