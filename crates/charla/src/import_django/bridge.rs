//! `[bridge]`: the channel layer, the groups' names and the events' fields.

use charla_doctor::django::{Event, FieldRole, Origin, Purpose, SecretKind, Sends, Survey, Template, Value};

use super::paper::{Paper, State, list, quoted};
use super::tenancy::Tenancy;
use crate::words::import_django as say;

/// The file with the keys of the layer.
pub(super) const KEYS: &str = "/etc/charla/channels-keys";
/// The file with the password of its Redis.
const PASSWORD: &str = "/etc/charla/channels-password";

pub(super) fn bridge(paper: &mut Paper<'_>, survey: &Survey, tenancy: &Tenancy) {
    let lang = paper.lang;
    let what = say::row_layer(lang);
    let settings = &survey.settings;
    let at = paper.place(settings.at("CHANNEL_LAYERS").unwrap_or_default());
    let Some(layer) = settings.layer() else {
        paper.gap();
        if at.is_empty() {
            paper.note(&say::layer_none(lang));
            paper.row(what, State::Absent, say::nothing_found(lang));
        } else {
            paper.ask(&say::layer_unknown(lang, &at));
            paper.row(what, State::Open, at);
        }
        return;
    };
    let kind = if layer.backend.ends_with("RedisPubSubChannelLayer") {
        "pubsub"
    } else if layer.backend.contains("channels_redis") {
        "core"
    } else {
        paper.gap();
        paper.note(&say::layer_other(lang, &layer.backend, &at));
        paper.row(what, State::Absent, layer.backend);
        return;
    };
    paper.section("bridge");
    paper.note(&say::layer_read(lang, &layer.backend, &at));
    paper.set("layer", &quoted(kind));
    hosts(paper, survey, &layer.hosts);
    if layer.prefix != "asgi" {
        paper.set("prefix", &quoted(&layer.prefix));
    }
    if layer.serializer != "msgpack" {
        paper.set("serializer", &quoted(&layer.serializer));
    }
    let config = |name: &str| {
        settings
            .get("CHANNEL_LAYERS")
            .and_then(|all| all.at(&["default", "CONFIG", name]))
    };
    if let Some(capacity) = layer.capacity {
        paper.set("capacity", &capacity.to_string());
    }
    for name in ["expiry", "group_expiry"] {
        if let Some(seconds) = config(name).and_then(Value::number) {
            paper.set(name, &format!("\"{}s\"", seconds.ceil()));
        }
    }
    if config("channel_capacity").is_some() {
        paper.ask(&say::channel_capacity(lang, &at));
    }
    if config("symmetric_encryption_keys").is_some() {
        paper.note(&say::layer_keys(lang, KEYS));
        paper.set("keys_file", &quoted(KEYS));
        paper.files.push((KEYS, say::holds_layer_keys(lang)));
    }
    paper.row(what, State::Found, format!("{kind} ({at})"));
    groups(paper, survey, tenancy);
    events(paper, survey);
}

fn hosts(paper: &mut Paper<'_>, survey: &Survey, hosts: &[String]) {
    let lang = paper.lang;
    let mut shown = Vec::new();
    let mut password = false;
    let mut odd = hosts.is_empty();
    for host in hosts {
        let (host, secret) = without_password(host);
        password |= secret;
        odd |= !host.starts_with("redis://") && !host.starts_with("rediss://");
        shown.push(host);
    }
    let origin = survey
        .secrets
        .iter()
        .find(|secret| secret.kind == SecretKind::LayerHosts);
    if let Some(Origin::Variable(variable)) = origin.map(|secret| &secret.origin) {
        paper.note(&say::hosts_variable(lang, variable));
    }
    if odd {
        paper.ask(&say::hosts_unknown(lang));
        shown = vec!["redis://127.0.0.1:6379/0".to_owned()];
    }
    paper.set("hosts", &list(&shown));
    if password {
        paper.note(&say::hosts_password(lang, PASSWORD));
        paper.set("password_file", &quoted(PASSWORD));
        paper.files.push((PASSWORD, say::holds_layer_password(lang)));
    }
}

/// An address without its password and its options, and whether there was one.
pub(super) fn without_password(url: &str) -> (String, bool) {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let queried = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
    };
    let Some((scheme, rest)) = place.split_once("://") else {
        return (place.to_owned(), false);
    };
    let (who, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, secret) = who.split_once(':').unwrap_or((who, ""));
    let user = if user.is_empty() {
        queried("username").map_or("", |(_, user)| user)
    } else {
        user
    };
    let user = if user.is_empty() {
        String::new()
    } else {
        format!("{user}@")
    };
    let rest = match queried("db") {
        Some((_, number)) => format!("{}/{number}", rest.trim_end_matches('/')),
        None => rest.to_owned(),
    };
    let secret = !secret.is_empty() || queried("password").is_some();
    (format!("{scheme}://{user}{rest}"), secret)
}

fn groups(paper: &mut Paper<'_>, survey: &Survey, tenancy: &Tenancy) {
    let lang = paper.lang;
    let (mut read, mut open) = (Vec::new(), 0);
    for group in &survey.groups {
        let at = paper.place(&group.at);
        if !is_named(group) {
            paper.gap();
            if group.unclear.is_empty() {
                paper.note(&say::group_of_nobody(lang, &group.text, at));
            } else {
                open += 1;
                paper.ask(&say::group_unknown(lang, group.unclear.join(", "), at));
                paper.idle("[[bridge.groups]]\ngroup", "\"chat_{chat}\"");
            }
            continue;
        }
        paper.entry("bridge.groups");
        paper.note(&at);
        paper.set("group", &quoted(&group.text));
        if !group.text.contains("{tenant}") {
            tenancy.group(paper, survey, &group.text);
        }
        read.push(group.text.clone());
    }
    if survey.groups.is_empty() {
        paper.gap();
        paper.ask(&say::groups_none(lang));
    }
    let state = if open > 0 || read.is_empty() {
        State::Open
    } else {
        State::Found
    };
    paper.row(say::row_groups(lang), state, read.join(" "));
}

/// Whether it names a chat's or a person's group.
fn is_named(group: &Template) -> bool {
    let places = [group.text.contains("{chat}"), group.text.contains("{user}")];
    group.unclear.is_empty() && places.iter().filter(|is| **is).count() == 1
}

fn events(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    for event in &survey.events {
        paper.entry("bridge.events");
        let places: Vec<String> = event
            .sent_at
            .iter()
            .chain(&event.handled_at)
            .map(|at| paper.place(at))
            .collect();
        paper.note(&places.join(", "));
        if event.sent_at.is_empty() {
            paper.ask(&say::event_never_sent(lang, &event.kind));
        }
        if event.handled_at.is_none() {
            paper.ask(&say::event_unhandled(lang, &event.kind));
        }
        paper.set("type", &quoted(&event.kind));
        let word = match event.purpose {
            Purpose::Message => "message",
            Purpose::Notification => "notification",
            Purpose::Closed => "chat_closed",
            Purpose::Other => "event",
        };
        paper.set("as", &quoted(word));
        fields(paper, event);
    }
    let kinds: Vec<&str> = survey.events.iter().map(|event| event.kind.as_str()).collect();
    let state = if kinds.is_empty() {
        State::Open
    } else {
        State::Found
    };
    paper.row(say::row_events(lang), state, kinds.join(" "));
}

fn fields(paper: &mut Paper<'_>, event: &Event) {
    let lang = paper.lang;
    if let Some(part) = event.fields.iter().find(|part| part.key.contains('.')) {
        let outer = part.key.split('.').next().unwrap_or_default();
        paper.ask(&say::event_nested(lang, &event.kind, outer));
    }
    let flat = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let by_role = |role: FieldRole| {
        event
            .fields
            .iter()
            .find(|part| part.role == role)
            .map(|part| flat(&part.key))
    };
    let by_name = |names: &[&str]| {
        let mut keys = event.fields.iter().map(|part| flat(&part.key));
        keys.find(|key| names.contains(&key.as_str()))
    };
    let wanted: Vec<(&str, Option<String>)> = match event.purpose {
        Purpose::Message => vec![
            ("text", by_role(FieldRole::Text)),
            ("author", by_role(FieldRole::Author)),
            ("author_id", by_role(FieldRole::AuthorId)),
        ],
        Purpose::Notification => vec![
            ("text", by_role(FieldRole::Text)),
            ("kind", by_name(&["tipo", "kind", "level", "nivel", "category"])),
            ("url", by_name(&["url", "link", "enlace"])),
            ("id", by_name(&["id", "pk", "notificacion_id", "notification_id"])),
            (
                "created",
                by_name(&["creada", "creado", "created", "created_at", "fecha"]),
            ),
        ],
        Purpose::Closed => vec![
            ("reason", by_role(FieldRole::Text)),
            ("by", by_role(FieldRole::Author)),
            ("by_id", by_role(FieldRole::AuthorId)),
        ],
        Purpose::Other => Vec::new(),
    };
    for (name, key) in wanted {
        if let Some(key) = key {
            paper.set(name, &quoted(&key));
        }
    }
    handled(paper, event);
}

/// What the consumer's method makes of the event.
fn handled(paper: &mut Paper<'_>, event: &Event) {
    let lang = paper.lang;
    if event.purpose == Purpose::Other {
        let kept: Vec<String> = match &event.sends {
            Sends::Fields(fields) => fields.iter().filter_map(|(_, from)| from.clone()).collect(),
            Sends::Key(key) => vec![key.clone()],
            Sends::Whole | Sends::Unclear => Vec::new(),
        };
        if !kept.is_empty() {
            paper.set("fields", &list(&kept));
        }
    }
    let renamed = match &event.sends {
        Sends::Fields(fields) => fields
            .iter()
            .any(|(out, from)| from.as_ref().is_some_and(|from| from != out)),
        Sends::Whole | Sends::Key(_) | Sends::Unclear => false,
    };
    if renamed {
        let at = event
            .handled_at
            .as_deref()
            .map(|at| paper.place(at))
            .unwrap_or_default();
        paper.ask(&say::event_renamed(lang, &event.kind, at));
    }
    if event.sends == Sends::Unclear && event.handled_at.is_some() {
        let at = event
            .handled_at
            .as_deref()
            .map(|at| paper.place(at))
            .unwrap_or_default();
        paper.ask(&say::event_unclear(lang, &event.kind, at));
    }
}
