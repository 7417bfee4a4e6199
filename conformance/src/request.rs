//! Requests by hand, in due form and out of it.

use std::fmt::Write as _;

use crate::peer::Place;

/// The key of the RFC's own example (RFC 6455, section 1.3).
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A request that can be bent out of shape.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    version: String,
    lines: Vec<(String, String)>,
}

impl Request {
    /// A handshake as it should be, into a chat, by somebody who may enter.
    pub(crate) fn handshake(place: &Place) -> Self {
        let lines = [
            ("Host", place.address.to_string()),
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            ("Sec-WebSocket-Key", KEY.to_owned()),
            ("Sec-WebSocket-Version", "13".to_owned()),
            ("Authorization", format!("Bearer {}", place.token)),
        ];
        Self {
            method: "GET".into(),
            target: place.path.clone(),
            version: "HTTP/1.1".into(),
            lines: lines.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// With another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// With something behind the target.
    pub(crate) fn target(mut self, more: &str) -> Self {
        self.target.push_str(more);
        self
    }

    /// With another version of HTTP.
    pub(crate) fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// With a further header line.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a header's value replaced.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// Without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.lines.retain(|(said, _)| !said.eq_ignore_ascii_case(name));
        self
    }

    /// Its header lines with names in another case.
    pub(crate) fn named(mut self, rename: impl Fn(&str) -> String) -> Self {
        for (name, _) in &mut self.lines {
            *name = rename(name);
        }
        self
    }

    /// What goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.lines {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}
