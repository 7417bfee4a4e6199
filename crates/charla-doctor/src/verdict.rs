//! From what a preflight answered to the one cause, without any I/O.

use charla_wire::Cause;
use serde_json::Value;

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// Something answered.
    Answer {
        /// Path and parameters that were asked for.
        target: String,
        /// The HTTP status.
        status: u16,
        /// Where a redirect leads.
        location: Option<String>,
        /// The body, if it is JSON.
        json: Value,
    },
    /// Nothing did.
    NoAnswer {
        /// The cause, if the way it failed tells.
        cause: Option<Cause>,
        /// What the system or library said.
        said: String,
    },
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every gate of the handshake is open.
    Open {
        /// Whom the token names.
        user: String,
    },
    /// The server itself names the cause.
    Named {
        /// The cause.
        cause: Cause,
        /// The server's own words.
        detail: String,
    },
    /// The cause lies on the way, before the server.
    Path {
        /// The cause.
        cause: Cause,
        /// What was seen.
        detail: String,
    },
    /// Something answered, but not as a Charla server does.
    Unknown {
        /// Its HTTP status, if it speaks HTTP.
        status: Option<u16>,
        /// What was seen.
        detail: String,
    },
}

impl Verdict {
    /// The cause, if there is one.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Named { cause, .. } | Self::Path { cause, .. } => Some(*cause),
            Self::Open { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Decides.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    match evidence {
        Evidence::NoAnswer {
            cause: Some(cause),
            said,
        } => Verdict::Path {
            cause: *cause,
            detail: said.clone(),
        },
        Evidence::NoAnswer { cause: None, said } => Verdict::Unknown {
            status: None,
            detail: said.clone(),
        },
        Evidence::Answer {
            target,
            status,
            location,
            json,
        } => answer(target, *status, location.as_deref(), json),
    }
}

fn answer(target: &str, status: u16, location: Option<&str>, json: &Value) -> Verdict {
    let text = |value: &Value, field: &str| {
        let text = value.get(field).and_then(Value::as_str).unwrap_or_default();
        text.to_owned()
    };
    if json.get("ok") == Some(&Value::Bool(true)) {
        let user = json
            .get("user")
            .map(|user| text(user, "name"))
            .unwrap_or_default();
        return Verdict::Open { user };
    }
    if let Some(cause) = Cause::from_id(&text(json, "cause")) {
        let detail = text(json, "detail");
        return Verdict::Named { cause, detail };
    }
    let path = |cause, detail: String| Verdict::Path { cause, detail };
    match (status, location.map(|place| (place, redirect(target, place)))) {
        (300..=399, Some((place, Some(cause)))) => path(cause, format!("{status} to {place}")),
        (502, _) => path(Cause::ServerDown, "a proxy answered 502 for the server".into()),
        _ => Verdict::Unknown {
            status: Some(status),
            detail: text(json, "detail"),
        },
    }
}

/// What a redirect wants: https, or a slash more or less. A WebSocket follows neither.
fn redirect(target: &str, place: &str) -> Option<Cause> {
    let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
    let asked = path(target);
    let rest = place.split_once("://").map_or(place, |(_, rest)| rest);
    let led = path(rest.find('/').map_or("/", |at| rest.split_at(at).1));
    if led == asked && place.starts_with("https://") {
        Some(Cause::RedirectHttps)
    } else if led != asked && led.trim_end_matches('/') == asked.trim_end_matches('/') {
        Some(Cause::RedirectSlash)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen(status: u16, location: Option<&str>, json: Value) -> Verdict {
        judge(&Evidence::Answer {
            target: "/ws/chat/5/?a=b".into(),
            status,
            location: location.map(str::to_owned),
            json,
        })
    }

    #[test]
    fn what_the_server_names_is_believed() {
        let open = json!({"ok": true, "user": {"id": "1", "name": "Ana"}});
        assert_eq!(seen(200, None, open), Verdict::Open { user: "Ana".into() });
        let refused = json!({"ok": false, "cause": "token_expired", "detail": "37 s ago"});
        assert_eq!(
            seen(401, None, refused),
            Verdict::Named {
                cause: Cause::TokenExpired,
                detail: "37 s ago".into()
            }
        );
    }

    #[test]
    fn what_stands_in_the_way_is_told_from_the_server() {
        let rows = [
            (301, Some("https://h/ws/chat/5/"), Some(Cause::RedirectHttps)),
            (301, Some("/ws/chat/5?a=b"), Some(Cause::RedirectSlash)),
            (301, Some("http://h/ws/chat/5?a=b"), Some(Cause::RedirectSlash)),
            (302, Some("/login/"), None),
            (302, Some("https://h/login/"), None),
            (502, None, Some(Cause::ServerDown)),
            (200, None, None),
            (404, None, None),
        ];
        for (status, location, cause) in rows {
            assert_eq!(
                seen(status, location, Value::Null).cause(),
                cause,
                "{status} {location:?}"
            );
        }
    }

    #[test]
    fn no_answer_has_the_cause_of_its_failure() {
        let none = |cause| Evidence::NoAnswer {
            cause,
            said: "connection refused".into(),
        };
        assert_eq!(
            judge(&none(Some(Cause::ServerDown))).cause(),
            Some(Cause::ServerDown)
        );
        assert_eq!(judge(&none(None)).cause(), None);
    }
}
