//! Values that are right alone and wrong together.

use super::attachments;
use super::django;
use super::history;
use super::keys;
use super::load::Loaded;
use super::problem::{Fault, Must, Place, Problem};
use super::{ApplicationUrl, BusKind, DatabaseKind, DatabaseTls, Settings, keys::Key};

/// One rule between two keys, both durations or both sizes.
struct Relation {
    key: &'static str,
    must: Must,
    other: &'static str,
    holds: fn(&Settings) -> bool,
}

const RELATIONS: [Relation; 8] = [
    Relation {
        key: "liveness.pong_within",
        must: Must::Below,
        other: "liveness.ping_after",
        holds: |s| s.liveness.pong_within < s.liveness.ping_after,
    },
    Relation {
        key: "auth.access_ttl",
        must: Must::AtMost,
        other: "auth.refresh_ttl",
        holds: |s| s.auth.access_ttl <= s.auth.refresh_ttl,
    },
    Relation {
        key: "limits.text_bytes",
        must: Must::AtMost,
        other: "limits.message_bytes",
        holds: |s| s.limits.text_bytes <= s.limits.message_bytes,
    },
    Relation {
        key: "limits.data_bytes",
        must: Must::AtMost,
        other: "limits.message_bytes",
        holds: |s| s.limits.data_bytes <= s.limits.message_bytes,
    },
    Relation {
        key: "limits.outbox_bytes",
        must: Must::AtLeast,
        other: "limits.message_bytes",
        holds: |s| s.limits.outbox_bytes >= s.limits.message_bytes,
    },
    Relation {
        key: "server.max_uri_bytes",
        must: Must::AtMost,
        other: "server.max_head_bytes",
        holds: |s| s.server.max_uri_bytes <= s.server.max_head_bytes,
    },
    Relation {
        key: "webhooks.retry_min",
        must: Must::AtMost,
        other: "webhooks.retry_max",
        holds: |s| s.webhooks.retry_min <= s.webhooks.retry_max,
    },
    Relation {
        key: "attachments.unsent_after",
        must: Must::AtLeast,
        other: "attachments.upload_within",
        holds: |s| s.attachments.unsent_after >= s.attachments.upload_within,
    },
];

/// Adds what does not hold, at the value that was given last.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let place = |key: &'static str| loaded.place(key);
    problems.extend(broken(&loaded.settings, |_| true, &place));
    check_listener(loaded, problems);
    check_broker(loaded, problems);
    check_application(loaded, problems);
    check_trust(loaded, problems);
    django::check(loaded, problems);
    history::check(loaded, problems);
    check_bridge(loaded, problems);
    attachments::check(loaded, problems);
}

/// The same of limits alone, each with its place.
pub(super) fn check_limits(settings: &Settings, place: &dyn Fn(&'static str) -> Place) -> Vec<Problem> {
    broken(settings, |relation| relation.key.starts_with("limits."), place)
}

fn broken(
    settings: &Settings,
    wanted: fn(&Relation) -> bool,
    place: &dyn Fn(&'static str) -> Place,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for relation in RELATIONS
        .iter()
        .filter(|relation| wanted(relation) && !(relation.holds)(settings))
    {
        let (own, bound_from) = (place(relation.key), place(relation.other));
        let at = if own == Place::Default { &bound_from } else { &own };
        let fault = Fault::Relation {
            key: relation.key,
            value: value(settings, relation.key),
            must: relation.must,
            other: relation.other,
            bound: value(settings, relation.other),
            bound_from: bound_from.clone(),
        };
        problems.push(Problem::new(at, fault));
    }
    problems
}

/// A bridge leads somewhere.
fn check_bridge(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let bridge = &loaded.settings.bridge;
    if bridge.layer.is_none() {
        return;
    }
    let (certificate, key) = (bridge.cert_file.is_some(), bridge.key_file.is_some());
    let pair = [("bridge.cert_file", certificate), ("bridge.key_file", key)];
    check_pair(loaded, pair, problems);
    let tls = bridge.hosts.iter().any(|host| host.url.is_tls());
    for (key, is_set) in [
        ("bridge.ca_file", bridge.ca_file.is_some()),
        ("bridge.cert_file", certificate),
    ] {
        if is_set && !tls && !bridge.hosts.is_empty() {
            let (url, without) = ("bridge.hosts", "rediss");
            problems.push(Problem::new(
                &loaded.place(key),
                Fault::Idle { key, url, without },
            ));
        }
    }
    for (key, is_empty) in [
        ("bridge.hosts", bridge.hosts.is_empty()),
        (keys::BRIDGE_GROUPS, bridge.groups.is_empty()),
        (keys::BRIDGE_EVENTS, bridge.events.is_empty()),
    ] {
        if is_empty {
            let (layer, any) = ("bridge.layer".to_owned(), vec![key.to_owned()]);
            let fault = Fault::Needs { key: layer, any };
            problems.push(Problem::new(&loaded.place("bridge.layer"), fault));
        }
    }
}

/// Of a certificate and its key, one alone is of no use.
fn check_pair(loaded: &Loaded, pair: [(&'static str, bool); 2], problems: &mut Vec<Problem>) {
    let [first, second] = pair;
    check_needed(loaded, first, second, problems);
    check_needed(loaded, second, first, problems);
}

/// The first is of no use without the second.
fn check_needed(
    loaded: &Loaded,
    (key, is_set): (&'static str, bool),
    (other, other_is_set): (&'static str, bool),
    problems: &mut Vec<Problem>,
) {
    if is_set && !other_is_set {
        let (place, any) = (loaded.place(key), vec![other.to_owned()]);
        let key = key.to_owned();
        problems.push(Problem::new(&place, Fault::Needs { key, any }));
    }
}

/// Both halves of TLS, and proxies to believe.
fn check_listener(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let server = &loaded.settings.server;
    let pair = [
        ("server.tls_cert_file", server.tls_cert_file.is_some()),
        ("server.tls_key_file", server.tls_key_file.is_some()),
    ];
    check_pair(loaded, pair, problems);
    let proxied = ("server.proxy_protocol", server.proxy_protocol);
    let trusted = ("server.trusted_proxies", !server.trusted_proxies.is_empty());
    check_needed(loaded, proxied, trusted, problems);
}

/// Files for a bus that has no use for them: whoever names an authority believes the connection encrypted.
fn check_broker(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let broker = &loaded.settings.broker;
    let url = broker.url.as_ref();
    let tls = url.is_some_and(|url| url.is_tls() || *url.kind() == BusKind::Nats);
    let sentinel = url.is_some_and(|url| matches!(url.kind(), BusKind::Sentinel { .. }));
    let (encrypted, watched) = ("rediss or tls", "redis+sentinel or rediss+sentinel");
    for (key, is_set, useful, without) in [
        ("broker.ca_file", broker.ca_file.is_some(), tls, encrypted),
        ("broker.cert_file", broker.cert_file.is_some(), tls, encrypted),
        (
            "broker.sentinel_password_file",
            broker.sentinel_password_file.is_some(),
            sentinel,
            watched,
        ),
    ] {
        if is_set && !useful {
            let url = "broker.url";
            problems.push(Problem::new(
                &loaded.place(key),
                Fault::Idle { key, url, without },
            ));
        }
    }
    let (certificate, key) = (broker.cert_file.is_some(), broker.key_file.is_some());
    let pair = [("broker.cert_file", certificate), ("broker.key_file", key)];
    check_pair(loaded, pair, problems);
}

/// Schemas are PostgreSQL's; a password without a database, or for a file, is no use.
fn check_application(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let application = &loaded.settings.application;
    let kind = application.database_url.as_ref().map(ApplicationUrl::kind);
    let postgres = kind == Some(DatabaseKind::Postgres);
    let server = kind.is_some() && kind != Some(DatabaseKind::Sqlite);
    for (key, is_set, useful, without) in [
        (
            "application.schema",
            application.schema.is_some(),
            postgres,
            "postgres",
        ),
        (
            "application.password_file",
            application.password_file.is_some(),
            server,
            "postgres or mysql",
        ),
        (
            "application.tls",
            application.tls.is_some(),
            server,
            "postgres or mysql",
        ),
    ] {
        if is_set && !useful {
            let url = "application.database_url";
            problems.push(Problem::new(
                &loaded.place(key),
                Fault::Idle { key, url, without },
            ));
        }
    }
}

/// An authority that nobody is held against would be taken for protection.
fn check_trust(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let (store, application) = (&loaded.settings.store, &loaded.settings.application);
    for (section, ca_file, tls) in [
        ("store", &store.ca_file, store.tls),
        ("application", &application.ca_file, application.tls),
    ] {
        if ca_file.is_some() && tls != Some(DatabaseTls::VerifyFull) {
            let key = format!("{section}.ca_file");
            let any = vec![format!("{section}.tls = \"verify-full\"")];
            let place = loaded.place(&key);
            problems.push(Problem::new(&place, Fault::Needs { key, any }));
        }
    }
}

fn value(settings: &Settings, path: &str) -> String {
    let mut settings = settings.clone();
    keys::find(path)
        .and_then(|key: &Key| key.slot?(&mut settings).print(key.rule))
        .unwrap_or_default()
}
