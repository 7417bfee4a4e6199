//! What stands behind a connection that failed: the preflight's answer, judged without any I/O.
//!
//! The server answers the socket's own address over plain HTTP with the cause, and with what became of the attempt whose
//! id the socket carried. When even that fails, what can still be told apart is told; a native client sees more than a
//! page does: a refused port, a name that does not resolve, a bad certificate, silence.

use std::time::Duration;

use charla_wire::{Cause, Retry};
use serde_json::Value;

use crate::closes::{CauseName, Problem, retry_of};
use crate::transport::ConnectError;

/// An HTTP answer, as far as it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Path and parameters that were asked for.
    pub target: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<&'a str>,
    /// The body, if it is JSON.
    pub json: &'a Value,
    /// The beginning of the body, whatever it is.
    pub body: &'a str,
}

/// The preflight's answer; `None` where everything looks right.
#[must_use]
pub fn judge_answer(seen: &Seen<'_>) -> Option<Problem> {
    let ok = seen.json.get("ok").and_then(Value::as_bool);
    if ok == Some(false)
        && let Some(problem) = named(seen.json)
    {
        return Some(problem);
    }
    if ok != Some(true) {
        return Some(foreign(seen));
    }
    let receipt = seen.json.get("attempt")?;
    if let Some(problem) = named(receipt) {
        return Some(problem);
    }
    // The gates are open and yet the handshake never came: something on the way dropped it.
    (receipt.get("seen") == Some(&Value::Bool(false))).then(|| {
        problem(
            Cause::ProxyClosedSilently,
            "the handshake never reached the server",
        )
    })
}

/// What the server calls by its name.
fn named(answer: &Value) -> Option<Problem> {
    let text = |field: &str| answer.get(field).and_then(Value::as_str);
    let number = |field: &str| answer.get(field).and_then(Value::as_u64);
    let cause = CauseName::parse(text("cause")?);
    let code = number("code").and_then(|code| u16::try_from(code).ok());
    let of_table = match &cause {
        CauseName::Known(cause) => cause.own_close_code(),
        CauseName::Other(_) => None,
    };
    let code = code.or(of_table).unwrap_or(1006);
    let retry = text("retry").and_then(Retry::from_word);
    Some(Problem {
        retry: retry.unwrap_or_else(|| retry_of(Some(&cause), code)),
        cause: Some(cause),
        code,
        detail: text("detail").map(Into::into),
        retry_in: number("retry_in_ms").map(Duration::from_millis),
    })
}

/// An answer that is not the server's own: somebody stands in front of it.
fn foreign(seen: &Seen<'_>) -> Problem {
    match judge_refusal(seen) {
        Some(Cause::ServerDown) => problem(Cause::ServerDown, &format!("the proxy answers {}", seen.status)),
        Some(Cause::ProxyWrongLocation) => problem(
            Cause::ProxyWrongLocation,
            "a page answers where the socket should be",
        ),
        Some(cause) => problem(
            cause,
            seen.location
                .unwrap_or_default()
                .split('?')
                .next()
                .unwrap_or_default(),
        ),
        None => problem(Cause::ServerUnreachable, &format!("status {}", seen.status)),
    }
}

/// The cause of an answer that came instead of the upgrade, if it tells one.
#[must_use]
pub fn judge_refusal(seen: &Seen<'_>) -> Option<Cause> {
    let named = seen.json.get("cause").and_then(Value::as_str);
    if let Some(cause) = named.and_then(Cause::from_id) {
        return Some(cause);
    }
    match (seen.status, seen.location) {
        (300..=399, Some(place)) => Some(redirect(seen.target, place)),
        (502..=504, _) => Some(Cause::ServerDown),
        (404, _) => Some(Cause::RouteNotFound),
        (407, _) => Some(Cause::ProxyAuthRequired),
        (400, _) if seen.body.contains("plain HTTP request was sent to HTTPS port") => {
            Some(Cause::PlainOnTlsPort)
        }
        (200..=399, _) => Some(Cause::ProxyWrongLocation),
        _ => None,
    }
}

/// What a redirect wants: https, a slash more or less, or another place. A WebSocket follows none.
#[must_use]
pub fn redirect(target: &str, place: &str) -> Cause {
    let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
    let asked = path(target);
    let rest = place.split_once("://").map_or(place, |(_, rest)| rest);
    let led = path(rest.find('/').map_or("/", |at| rest.split_at(at).1));
    if led == asked && place.starts_with("https://") {
        Cause::RedirectHttps
    } else if led != asked && led.trim_end_matches('/') == asked.trim_end_matches('/') {
        Cause::RedirectSlash
    } else {
        Cause::ProxyWrongLocation
    }
}

/// A question that nothing answered.
#[must_use]
pub fn judge_failure(error: &ConnectError) -> Problem {
    let cause = if let ConnectError::Timeout(_) = error {
        Cause::ServerFrozen
    } else {
        error.cause().unwrap_or(Cause::ServerUnreachable)
    };
    problem(cause, &error.to_string())
}

fn problem(cause: Cause, detail: &str) -> Problem {
    Problem::of_cause(cause).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::json;

    use super::*;

    fn seen(
        status: u16,
        location: Option<&str>,
        json: &Value,
        body: &str,
    ) -> Option<(String, u16, &'static str)> {
        let found = judge_answer(&Seen {
            target: "/ws/chat/5/?attempt=1",
            status,
            location,
            json,
            body,
        })?;
        Some((found.cause?.to_string(), found.code, found.retry.as_str()))
    }

    #[test]
    fn the_servers_own_answer_is_believed() {
        let rows = [
            (json!({"ok": true}), None),
            (json!({"ok": true, "attempt": {"seen": true}}), None),
            (
                json!({"ok": true, "attempt": {"seen": true, "cause": "slow_consumer", "code": 4508}}),
                Some(("slow_consumer", 4508, "resume")),
            ),
            (
                json!({"ok": true, "attempt": {"seen": false}}),
                Some(("proxy_closed_silently", 1006, "backoff")),
            ),
            (
                json!({"ok": false, "cause": "token_expired", "code": 4401, "retry": "refresh"}),
                Some(("token_expired", 4401, "refresh")),
            ),
            (
                json!({"ok": false, "cause": "not_a_member"}),
                Some(("not_a_member", 4403, "stop")),
            ),
            (
                json!({"ok": false, "cause": "of_a_later_server", "retry": "wait"}),
                Some(("of_a_later_server", 1006, "wait")),
            ),
        ];
        for (answer, expected) in rows {
            let expected = expected.map(|(cause, code, retry)| (cause.to_owned(), code, retry));
            assert_eq!(seen(200, None, &answer, ""), expected, "{answer}");
        }
    }

    #[test]
    fn whoever_answers_in_its_place_is_told_apart() {
        let rows = [
            (502, None, "", "server_down"),
            (503, None, "", "server_down"),
            (504, None, "", "server_down"),
            (404, None, "", "route_not_found"),
            (200, None, "<!doctype html>", "proxy_wrong_location"),
            (301, Some("https://h/ws/chat/5/?attempt=1"), "", "redirect_https"),
            (301, Some("/ws/chat/5?attempt=1"), "", "redirect_slash"),
            (302, Some("/login/"), "", "proxy_wrong_location"),
            (407, None, "", "proxy_auth_required"),
            (
                400,
                None,
                "The plain HTTP request was sent to HTTPS port",
                "plain_on_tls_port",
            ),
            (400, None, "", "server_unreachable"),
            (500, None, "", "server_unreachable"),
        ];
        for (status, location, body, expected) in rows {
            let (cause, ..) = seen(status, location, &Value::Null, body).unwrap();
            assert_eq!(cause, expected, "{status} {location:?} {body}");
        }
    }

    #[test]
    fn silence_has_its_kinds() {
        let reach = |kind: io::ErrorKind| ConnectError::Reach {
            host: "h:1".into(),
            error: kind.into(),
        };
        let rows = [
            (reach(io::ErrorKind::ConnectionRefused), "server_down"),
            (reach(io::ErrorKind::TimedOut), "server_unreachable"),
            (ConnectError::Timeout(Duration::from_secs(10)), "server_frozen"),
            (
                ConnectError::Resolve {
                    host: "h:1".into(),
                    error: io::ErrorKind::NotFound.into(),
                },
                "dns_failure",
            ),
            (
                ConnectError::Cut {
                    host: "h:1".into(),
                    error: io::ErrorKind::ConnectionReset.into(),
                },
                "proxy_closed_silently",
            ),
            (
                ConnectError::Tls {
                    cause: Some(Cause::TlsExpired),
                    said: String::new(),
                },
                "tls_expired",
            ),
        ];
        for (error, expected) in rows {
            assert_eq!(judge_failure(&error).cause.unwrap().as_str(), expected, "{error}");
        }
    }
}
