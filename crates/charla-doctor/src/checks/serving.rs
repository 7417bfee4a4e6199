//! What several checks ask about the server: who is there, which of the places is its own, what it answered.

use crate::evidence::{Answer, Evidence, Hop, HopKind, Kind, Listener, ProcessSeen, Seen, ServerSeen, Shape};
use crate::text::{Text, both};
use crate::verdict::Fact;

/// Only text was given: no machine was looked at and nobody was asked.
pub(super) fn is_pasted(evidence: &Evidence) -> bool {
    evidence.server.is_none() && evidence.hops.is_empty()
}

/// The server's part, where the place that was looked at is the application's and not a proxy's.
pub(super) fn seen(evidence: &Evidence) -> Option<&ServerSeen> {
    let server = evidence.server.as_ref()?;
    let proxy = server
        .listeners
        .first()
        .is_some_and(|first| first.kind == Kind::Nginx);
    (!proxy && (server.expected_port.is_some() || server.expected_socket.is_some())).then_some(server)
}

/// `127.0.0.1:9001`'s port, or the path of a Unix socket: what two notations of one place share.
fn end(place: &str) -> &str {
    let place = place.trim_end_matches('/');
    match place.split_once("unix:") {
        Some((_, path)) => path,
        None => place.rsplit(':').next().unwrap_or(place),
    }
}

/// `port 9001`, `/run/app.sock`.
pub(super) fn place(server: &ServerSeen) -> Text {
    match (&server.expected_socket, server.expected_port) {
        (Some(path), _) => Text::same(path.clone()),
        (None, Some(port)) => both!("port {port}", "el puerto {port}"),
        (None, None) => both!("its port", "su puerto"),
    }
}

fn is_expected(server: &ServerSeen, hop: &Hop) -> bool {
    let port = server.expected_port.map(|port| port.to_string());
    let expected = server.expected_socket.as_deref().or(port.as_deref());
    expected.is_some_and(|expected| end(&hop.at) == expected)
}

/// The hop at the place where the application is expected; a proxy's is none of it.
pub(super) fn own_hop(evidence: &Evidence) -> Option<&Hop> {
    let server = seen(evidence)?;
    let mut here = evidence.hops.iter().rev().filter(|hop| is_expected(server, hop));
    here.find(|hop| hop.kind != HopKind::Proxy)
}

/// The hop at a listener that is not where the application is expected.
pub(super) fn other_hop<'a>(evidence: &'a Evidence, listener: &Listener) -> Option<&'a Hop> {
    let hops = evidence.hops.iter().chain(&evidence.elsewhere);
    let mut servers = hops.filter(|hop| hop.kind == HopKind::Server);
    servers.find(|hop| end(&hop.at) == end(&listener.address))
}

/// Nobody listens where the application is expected, and a connection there is refused or was not tried.
pub(super) fn is_absent(evidence: &Evidence) -> bool {
    let answers = own_hop(evidence).into_iter().filter_map(Hop::browser);
    seen(evidence).is_some_and(|server| server.listeners.is_empty())
        && answers
            .into_iter()
            .all(|answer| matches!(answer, Answer::Refused | Answer::Unreachable(_) | Answer::Untried))
}

/// An answer of the application itself: it upgraded, or refused as an application refuses.
pub(super) fn is_applications(answer: &Answer) -> bool {
    matches!(answer.status(), Some(101 | 401 | 403))
}

/// Some handshake of this hop was answered at all.
pub(super) fn answers(hop: &Hop) -> bool {
    hop.tried.iter().any(|tried| tried.answer.status().is_some())
}

/// Shapes that were tried in vain: nothing came within the time.
pub(super) fn silent(hop: &Hop) -> Vec<Shape> {
    let silent = hop.tried.iter().filter(|tried| tried.answer == Answer::Silent);
    silent.map(|tried| tried.shape).collect()
}

/// Listeners elsewhere that speak for an application (Node may be anything).
pub(super) fn elsewhere(server: &ServerSeen) -> impl Iterator<Item = &Listener> {
    let listeners = server.elsewhere.iter();
    listeners.filter(|listener| match listener.kind {
        Kind::Uvicorn
        | Kind::Daphne
        | Kind::Hypercorn
        | Kind::GunicornAsgi
        | Kind::GunicornWsgi
        | Kind::Runserver
        | Kind::Charla => true,
        Kind::Node | Kind::Nginx | Kind::Redis | Kind::Postgres | Kind::Other => false,
    })
}

/// Every example of a line.
pub(super) fn quotes(seen: &Seen) -> Vec<Fact> {
    let quotes = seen.quotes.iter();
    quotes
        .map(|quote| Fact::quoted(both!("the log says", "el registro dice"), quote))
        .collect()
}

/// Nobody listens there.
pub(super) fn nobody(server: &ServerSeen) -> Fact {
    let place = place(server);
    let (en, es) = (place.en, place.es);
    Fact::at(
        both!("nobody listens on {en}", "nadie escucha en {es}"),
        "/proc/net/tcp",
    )
}

/// Somebody listens elsewhere.
pub(super) fn listens(listener: &Listener) -> Fact {
    let address = listener.address.clone();
    let pid = listener.pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
    Fact {
        what: both!(
            "pid {pid} listens on {address}",
            "el pid {pid} escucha en {address}"
        ),
        quote: Some(listener.command.clone()),
        at: Some(address),
    }
}

/// A process as it is.
pub(super) fn process(process: &ProcessSeen) -> Fact {
    let (pid, state) = (process.pid, process.state.clone());
    Fact {
        what: both!("process {pid}, state {state}", "proceso {pid}, estado {state}"),
        quote: Some(process.command.clone()),
        at: Some(format!("/proc/{pid}/stat")),
    }
}

/// What a handshake came to.
pub(super) fn answered(hop: &Hop) -> Fact {
    let answer = hop.browser().cloned().unwrap_or_default();
    let what = match &answer {
        Answer::Upgraded { .. } => Text::same("HTTP 101"),
        Answer::Http { status, .. } => Text::same(format!("HTTP {status}")),
        Answer::Refused => both!("the connection is refused", "la conexión se rechaza"),
        Answer::Unreachable(words) => Text::same(words.clone()),
        Answer::Silent => both!(
            "connected, and no answer within the time",
            "conectó, y ninguna respuesta a tiempo"
        ),
        Answer::NoConnection => both!("no connection within the time", "ninguna conexión a tiempo"),
        Answer::HungUp { .. } => both!("hung up without a byte", "colgó sin un solo byte"),
        Answer::NotHttp(_) => both!("something that is not HTTP", "algo que no es HTTP"),
        Answer::Tls(words) => Text::same(words.clone()),
        Answer::Untried => both!("not tried", "no se probó"),
    };
    Fact::at(what, hop.at.clone())
}

/// The unit's name for commands, else the catalogue's `chat`.
pub(super) fn unit(evidence: &Evidence) -> String {
    let unit = evidence.server.as_ref().and_then(|server| server.unit.as_ref());
    unit.map_or_else(
        || "chat".to_owned(),
        |unit| unit.name.trim_end_matches(".service").to_owned(),
    )
}

/// What `Skip` says where neither machine nor logs tell.
pub(super) fn unseen() -> Text {
    both!(
        "the server's machine was not looked at",
        "no se miró la máquina del servidor"
    )
}
