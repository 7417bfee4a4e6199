//! The address of a chat, out of whatever a person pastes: `ws://`, `http://`, the page's address or a bare host.
//!
//! A token in it is taken out, so that the address can be shown and logged.

use std::fmt;

use charla_wire::ChatId;

use crate::redact::redact;

/// Where a chat server listens, without any secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    authority: String,
    path: String,
    query: Vec<(String, String)>,
    token: Option<String>,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme than ws, wss, http or https.
    #[error("the scheme {0:?} is not one of ws, wss, http, https")]
    Scheme(String),
    /// Nothing between the scheme and the path.
    #[error("the host is missing")]
    Host,
    /// A port that is no number up to 65535.
    #[error("the port {0:?} is not a number from 1 to 65535")]
    Port(String),
    /// `name:password@` before the host.
    #[error("a user name in the address is not supported")]
    UserInfo,
    /// A space or control character.
    #[error("the address has a space or control character in it")]
    Character,
}

impl Address {
    /// Takes an address apart. Without a scheme it is `ws://`; without a path it is the server itself.
    ///
    /// # Errors
    /// [`AddressError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(AddressError::Character);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("ws", text));
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(AddressError::Scheme(scheme.to_owned())),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        check_authority(authority)?;

        let mut query = pairs(query);
        let in_fragment = pairs(fragment);
        let named = |pairs: &[(String, String)]| {
            let mut found = pairs
                .iter()
                .filter(|(name, value)| name == "token" && !value.is_empty());
            found.next().map(|(_, value)| value.clone())
        };
        let token = named(&query).or_else(|| named(&in_fragment));
        query.retain(|(name, _)| name != "token");
        let mut address = Self {
            secure,
            authority: authority.to_owned(),
            path: path.to_owned(),
            query,
            token,
        };
        address.lead_to_socket();
        Ok(address)
    }

    /// The page stands at `/`; the sockets beside it at `/ws/`.
    fn lead_to_socket(&mut self) {
        if !matches!(self.path.as_str(), "" | "/") {
            return;
        }
        self.path = "/ws/".into();
        let chat = self.query.iter().find(|(name, _)| name == "chat");
        let chat = chat.and_then(|(_, chat)| ChatId::parse(chat).ok());
        self.query
            .retain(|(name, _)| name == "tenant" || name == "schema");
        if let Some(chat) = chat {
            *self = self.clone().with_chat(&chat);
        }
    }

    /// The same server, this chat.
    #[must_use]
    pub fn with_chat(mut self, chat: &ChatId) -> Self {
        self.path = format!("/ws/chat/{chat}/");
        self
    }

    /// The same address with one more parameter, or another value for it.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.query.retain(|(other, _)| other != name);
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same address with another token.
    #[must_use]
    pub fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token.or(self.token);
        self
    }

    /// The token that stood in the address.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The chat that it leads to; `None` for the connection of many chats, or a path of another server.
    #[must_use]
    pub fn chat(&self) -> Option<ChatId> {
        let (_, after) = self.path.split_once("/ws/chat/")?;
        ChatId::parse(after.trim_end_matches('/')).ok()
    }

    /// A parameter's value.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().filter(|(other, _)| other == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// Host and port, the scheme's own where the address has none: what a socket connects to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        if port(&self.authority).is_some() {
            self.authority.clone()
        } else {
            format!("{}:{}", self.authority, if self.secure { 443 } else { 80 })
        }
    }

    /// Host and port as they were written: the Host header.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and parameters, without the token: what follows GET.
    #[must_use]
    pub fn target(&self) -> String {
        let mut target = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            if !value.is_empty() {
                target.push('=');
                target.push_str(value);
            }
        }
        target
    }

    /// The server's own address over HTTP: `http://host:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!(
            "{}://{}",
            if self.secure { "https" } else { "http" },
            self.authority
        )
    }
}

impl fmt::Debug for Address {
    /// Without any secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", redact(&self.to_string()))
    }
}

impl fmt::Display for Address {
    /// The WebSocket's address, without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.target())
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The port of `host:port` or `[v6]:port`.
fn port(authority: &str) -> Option<&str> {
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    after_host.rsplit_once(':').map(|(_, port)| port)
}

fn check_authority(authority: &str) -> Result<(), AddressError> {
    if authority.contains('@') {
        return Err(AddressError::UserInfo);
    }
    let port = port(authority);
    let host = port.map_or(authority, |port| {
        authority
            .strip_suffix(port)
            .and_then(|host| host.strip_suffix(':'))
            .unwrap_or(authority)
    });
    if host.is_empty() {
        return Err(AddressError::Host);
    }
    match port {
        Some(port) if !port.parse::<u16>().is_ok_and(|port| port > 0) => {
            Err(AddressError::Port(port.to_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_pasted_leads_to_the_socket() {
        let rows = [
            (
                "ws://h:9001/ws/chat/5/",
                "ws://h:9001/ws/chat/5/",
                Some("5"),
                None,
            ),
            ("ws://h/ws/chat/5", "ws://h/ws/chat/5", Some("5"), None),
            (
                "wss://h/ws/chat/5/?token=a.b.c&tenant=acme",
                "wss://h/ws/chat/5/?tenant=acme",
                Some("5"),
                Some("a.b.c"),
            ),
            ("http://h:9001", "ws://h:9001/ws/", None, None),
            ("HTTPS://h/", "wss://h/ws/", None, None),
            ("h:9001", "ws://h:9001/ws/", None, None),
            (
                "http://127.0.0.1:9001/?user=ana#token=a.b.c&refresh=d",
                "ws://127.0.0.1:9001/ws/",
                None,
                Some("a.b.c"),
            ),
            (
                "http://h/?chat=7&tenant=t",
                "ws://h/ws/chat/7/?tenant=t",
                Some("7"),
                None,
            ),
            (
                "ws://[::1]:9001/chat/ws/chat/a_b/",
                "ws://[::1]:9001/chat/ws/chat/a_b/",
                Some("a_b"),
                None,
            ),
            ("ws://h/other?x", "ws://h/other?x", None, None),
        ];
        for (text, socket, chat, token) in rows {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), socket, "{text}");
            assert_eq!(address.chat().as_ref().map(ChatId::as_str), chat, "{text}");
            assert_eq!(address.token(), token, "{text}");
        }
    }

    #[test]
    fn an_endpoint_has_a_port() {
        for (text, endpoint) in [
            ("ws://h", "h:80"),
            ("wss://h", "h:443"),
            ("ws://[::1]", "[::1]:80"),
            ("https://[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(Address::parse(text).unwrap().endpoint(), endpoint);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_part() {
        for (text, error) in [
            ("ftp://h", AddressError::Scheme("ftp".into())),
            ("ws://", AddressError::Host),
            ("ws://:9001/", AddressError::Host),
            ("ws://h:70000", AddressError::Port("70000".into())),
            ("ws://h:/", AddressError::Port(String::new())),
            ("ws://ana:x@h/", AddressError::UserInfo),
            ("ws://h/a b", AddressError::Character),
            ("", AddressError::Host),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }
}
