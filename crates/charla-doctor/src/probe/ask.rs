//! The handshake as bytes: a browser's own, and its variations by [`Shape`].
//!
//! Holds the token. Nothing here prints, and the type has no `Debug`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

use crate::evidence::Shape;

/// Whom the probe says it is: enough of a browser for whoever filters by it, and recognisable in a log.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 \
                          Safari/537.36 charla-doctor";

/// The extensions that Chromium and Firefox offer.
const EXTENSIONS: &str = "permessage-deflate; client_max_window_bits";

/// Further headers that a user gave, at most.
const HEADERS_MAX: usize = 64;

/// What is asked at every place alike. A secret: it carries the token.
#[derive(Clone, Default)]
pub struct Ask {
    /// Path and query, with the token if it belongs there.
    pub target: String,
    /// `Host`: name, and port unless it is the scheme's own.
    pub host: String,
    /// `Origin`, as the page would send it.
    pub origin: String,
    /// What [`Shape::OwnOrigin`] sends: `https://` or `http://` and the host.
    pub own_origin: String,
    /// Where the token stands.
    pub token: TokenIn,
    /// Further headers, cookies among them; one named like ours takes its place.
    pub headers: Vec<(String, String)>,
    /// Sub-protocols to offer, in order.
    pub protocols: Vec<String>,
}

/// Where the token stands in a handshake.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum TokenIn {
    /// Nowhere: there is none.
    #[default]
    Nowhere,
    /// In the query's parameter of this name.
    Query(String),
    /// In the header of this name; the token as it stands there.
    Header(String, String),
    /// In one of the sub-protocols; the token as it stands there.
    Protocol(String),
}

/// A handshake ready to be sent, and what its answer must hold. A secret as well.
pub(crate) struct Request {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// The value of `Sec-WebSocket-Key`.
    pub(crate) key: String,
    /// Sub-protocols that were offered.
    pub(crate) protocols: Vec<String>,
}

impl Ask {
    /// The handshake of one shape; none where it would not differ from the browser's.
    pub(crate) fn shaped(&self, shape: Shape) -> Option<Request> {
        let mut ask = self.clone();
        match shape {
            Shape::Browser | Shape::Plain => {}
            Shape::NoOrigin => ask.origin.clear(),
            Shape::OwnOrigin if self.origin == self.own_origin => return None,
            Shape::OwnOrigin => ask.origin.clone_from(&self.own_origin),
            Shape::NoToken if self.token == TokenIn::Nowhere => return None,
            Shape::NoToken => ask.replace_token(None),
            Shape::BadToken => ask.replace_token(Some(&bad_token())),
            Shape::OtherSlash => ask.target = other_slash(&self.target)?,
            Shape::NoProtocol if self.protocols.is_empty() => return None,
            Shape::NoProtocol => ask.protocols.clear(),
        }
        Some(ask.written(shape != Shape::Plain))
    }

    fn written(&self, upgrade: bool) -> Request {
        let key = STANDARD.encode(random::<16>());
        let mut lines: Vec<(&str, &str)> = vec![("Host", &self.host)];
        let offer = self.protocols.join(", ");
        lines.push(("Connection", if upgrade { "Upgrade" } else { "keep-alive" }));
        lines.extend([
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("User-Agent", USER_AGENT),
        ]);
        if upgrade {
            lines.push(("Upgrade", "websocket"));
        }
        if !self.origin.is_empty() {
            lines.push(("Origin", &self.origin));
        }
        lines.push(("Accept-Language", "en-US,en;q=0.9"));
        if upgrade {
            lines.extend([("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", &key)]);
            lines.push(("Sec-WebSocket-Extensions", EXTENSIONS));
            if !offer.is_empty() {
                lines.push(("Sec-WebSocket-Protocol", &offer));
            }
        } else {
            lines.push(("Accept", "*/*"));
        }
        let given: Vec<_> = self.headers.iter().take(HEADERS_MAX).collect();
        lines.retain(|(name, _)| !given.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
        lines.extend(given.iter().map(|(name, value)| (name.as_str(), value.as_str())));

        let mut head = format!("GET {} HTTP/1.1\r\n", printable(&self.target));
        for (name, value) in lines {
            // Writing to a String cannot fail.
            let _ = write!(head, "{}: {}\r\n", printable(name), one_line(value));
        }
        head.push_str("\r\n");
        Request {
            bytes: head.into_bytes(),
            key,
            protocols: if upgrade {
                self.protocols.clone()
            } else {
                Vec::new()
            },
        }
    }

    /// Puts another token where the token stands, or takes it away. Where there is none, a new one goes into the query,
    /// where most stacks look for it.
    fn replace_token(&mut self, new: Option<&str>) {
        match self.token.clone() {
            TokenIn::Nowhere => {
                let Some(new) = new else { return };
                let sign = if self.target.contains('?') { '&' } else { '?' };
                self.target = format!("{}{sign}token={new}", self.target);
            }
            TokenIn::Query(name) => self.target = with_parameter(&self.target, &name, new),
            TokenIn::Header(name, token) => {
                for (_, value) in self
                    .headers
                    .iter_mut()
                    .filter(|(other, _)| other.eq_ignore_ascii_case(&name))
                {
                    *value = match new {
                        Some(new) => value.replace(&token, new),
                        None => without(value, &token),
                    };
                }
                self.headers.retain(|(_, value)| !value.is_empty());
            }
            TokenIn::Protocol(token) => match new {
                Some(new) => self
                    .protocols
                    .iter_mut()
                    .for_each(|one| *one = one.replace(&token, new)),
                None => self.protocols.retain(|one| !one.contains(&token)),
            },
        }
    }
}

/// A token of the right form that no key has signed.
fn bad_token() -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = part(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = part(
        br#"{"token_type":"access","exp":4102444800,"iat":1,"jti":"charla-doctor","user_id":"0","sub":"0"}"#,
    );
    format!("{header}.{claims}.{}", part(&random::<32>()))
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without entropy the key is only predictable, which harms nobody: the server must echo a hash of it either way.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// The target with another value of a parameter, or without the parameter.
fn with_parameter(target: &str, name: &str, new: Option<&str>) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is = |pair: &str| {
        percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy() == name
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs: Vec<String> = pairs
        .filter_map(|pair| match new {
            Some(new) if is(pair) => Some(format!("{name}={new}")),
            None if is(pair) => None,
            Some(_) | None => Some(pair.to_owned()),
        })
        .collect();
    if pairs.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", pairs.join("&"))
}

/// A header's value without the token: a cookie loses its pair, anything else is gone as a whole.
fn without(value: &str, token: &str) -> String {
    if !value.contains('=') {
        return String::new();
    }
    let kept: Vec<&str> = value
        .split(';')
        .filter(|pair| !pair.contains(token))
        .map(str::trim)
        .collect();
    kept.join("; ")
}

/// The path with its last slash added or taken away; none for the root.
fn other_slash(target: &str) -> Option<String> {
    let (path, query) = target.find('?').map_or((target, ""), |at| target.split_at(at));
    match path.strip_suffix('/') {
        Some("") => None,
        Some(shorter) => Some(format!("{shorter}{query}")),
        None => Some(format!("{path}/{query}")),
    }
}

/// What may stand in a request line or a header's name: a space or an end of line would make another request of it.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .collect()
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask {
            target: "/ws/chat/5/?token=SECRET&tenant=acme".into(),
            host: "chat.test".into(),
            origin: "https://app.test".into(),
            own_origin: "https://chat.test".into(),
            token: TokenIn::Query("token".into()),
            headers: vec![
                ("Cookie".into(), "a=1; b=2".into()),
                ("user-agent".into(), "mine".into()),
            ],
            protocols: vec!["chat".into()],
        }
    }

    fn text(ask: &Ask, shape: Shape) -> String {
        String::from_utf8(ask.shaped(shape).unwrap().bytes).unwrap()
    }

    #[test]
    fn a_browsers_handshake_is_whole() {
        let sent = text(&ask(), Shape::Browser);
        let wanted = [
            "GET /ws/chat/5/?token=SECRET&tenant=acme HTTP/1.1\r\n",
            "\r\nHost: chat.test\r\n",
            "\r\nConnection: Upgrade\r\n",
            "\r\nUpgrade: websocket\r\n",
            "\r\nOrigin: https://app.test\r\n",
            "\r\nSec-WebSocket-Version: 13\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
            "\r\nSec-WebSocket-Protocol: chat\r\n",
            "\r\nCookie: a=1; b=2\r\n",
            "\r\nuser-agent: mine\r\n\r\n",
        ];
        for line in wanted {
            assert!(sent.contains(line), "{line:?} is missing in {sent}");
        }
        assert!(
            !sent.contains("Mozilla"),
            "a given header takes the place of ours: {sent}"
        );
    }

    #[test]
    fn shapes_change_what_they_name_and_nothing_else() {
        let ask = ask();
        assert!(!text(&ask, Shape::NoOrigin).contains("Origin"));
        assert!(text(&ask, Shape::OwnOrigin).contains("Origin: https://chat.test\r\n"));
        assert!(text(&ask, Shape::NoToken).starts_with("GET /ws/chat/5/?tenant=acme HTTP"));
        assert!(text(&ask, Shape::OtherSlash).starts_with("GET /ws/chat/5?token=SECRET&tenant=acme HTTP"));
        assert!(!text(&ask, Shape::NoProtocol).contains("Protocol"));
        assert!(!text(&ask, Shape::Plain).contains("pgrade"));
        let bad = text(&ask, Shape::BadToken);
        assert!(bad.starts_with("GET /ws/chat/5/?token=eyJ") && bad.contains("&tenant=acme"));
        assert!(!bad.contains("SECRET"));
    }

    #[test]
    fn a_shape_that_would_be_the_browsers_is_none() {
        let bare = Ask {
            target: "/".into(),
            ..Ask::default()
        };
        for shape in [
            Shape::OwnOrigin,
            Shape::NoToken,
            Shape::OtherSlash,
            Shape::NoProtocol,
        ] {
            assert!(bare.shaped(shape).is_none(), "{shape:?}");
        }
        assert!(text(&bare, Shape::BadToken).starts_with("GET /?token=eyJ"));
    }

    #[test]
    fn the_token_is_replaced_where_it_stands() {
        let mut ask = ask();
        ask.target = "/ws/".into();
        ask.headers = vec![("Cookie".into(), "a=1; access=SECRET".into())];
        ask.token = TokenIn::Header("cookie".into(), "SECRET".into());
        assert!(text(&ask, Shape::NoToken).contains("Cookie: a=1\r\n"));
        assert!(text(&ask, Shape::BadToken).contains("Cookie: a=1; access=eyJ"));
        ask.headers = vec![("Authorization".into(), "Bearer SECRET".into())];
        ask.token = TokenIn::Header("Authorization".into(), "SECRET".into());
        assert!(!text(&ask, Shape::NoToken).contains("Authorization"));
        assert!(text(&ask, Shape::BadToken).contains("Authorization: Bearer eyJ"));
        ask.protocols = vec!["charla.v1".into(), "bearer.SECRET".into()];
        ask.token = TokenIn::Protocol("SECRET".into());
        assert!(text(&ask, Shape::NoToken).contains("Sec-WebSocket-Protocol: charla.v1\r\n"));
        assert!(text(&ask, Shape::BadToken).contains("Sec-WebSocket-Protocol: charla.v1, bearer.eyJ"));
    }

    #[test]
    fn nothing_given_can_make_a_second_request() {
        let mut ask = ask();
        ask.target = "/ws/ HTTP/1.1\r\nX: y\r\n\r\n".into();
        ask.headers = vec![("A: b\r\nC".into(), "d\r\nE: f".into())];
        let sent = text(&ask, Shape::Browser);
        assert_eq!(sent.matches("\r\n\r\n").count(), 1);
        assert!(!sent.contains("\nX:") && !sent.contains("\nE:") && !sent.contains("\nC:"));
    }
}
