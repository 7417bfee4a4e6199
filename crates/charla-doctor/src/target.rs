//! The address that was asked about: what is shown of it, and what is kept secret.

use charla_client::AddressError;
use charla_client::redact::redact;

use crate::evidence::Target;
use crate::plan::Wanted;

/// Parameters that name the tenant.
const TENANT_PARAMETERS: [&str; 2] = ["tenant", "schema"];

/// An address taken apart. Its query is a secret; [`Address::target`] is what may be shown.
#[derive(Clone)]
pub struct Address {
    /// What may be shown.
    pub target: Target,
    /// Path and query as they go over the wire.
    pub wire: String,
    /// What `Host` says: host, and the port when it is not the scheme's own.
    pub authority: String,
}

/// Takes an address apart as a browser would. Without a scheme it is `ws://`; `http` and `https` stand for `ws` and `wss`;
/// without a path it is `/ws/`.
///
/// # Errors
/// [`AddressError`] says which part is wrong.
pub fn parse(text: &str) -> Result<Address, AddressError> {
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
    let rest = rest.split('#').next().unwrap_or(rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') {
        return Err(AddressError::UserInfo);
    }
    let (host, port) = host_and_port(authority, secure)?;
    let path = if path.is_empty() || path == "/" {
        "/ws/"
    } else {
        path
    };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let of = |names: &[&str]| pairs.iter().find(|(name, _)| names.contains(&name.as_str()));
    let wire = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let scheme = if secure { "wss" } else { "ws" };
    let page = if secure { "https" } else { "http" };
    let target = Target {
        url: redact(&format!("{scheme}://{authority}{wire}")),
        secure,
        local: is_local(&host),
        host,
        port,
        path: path.to_owned(),
        parameters: pairs.iter().map(|(name, _)| name.clone()).collect(),
        chat: chat(path),
        tenant: of(&TENANT_PARAMETERS).map(|(_, value)| value.clone()),
        origin: format!("{page}://{authority}"),
    };
    Ok(Address {
        authority: authority.to_owned(),
        target,
        wire,
    })
}

impl Address {
    /// With what the command line adds: a token where the address has none, another origin.
    #[must_use]
    pub fn with(mut self, wanted: &Wanted) -> Self {
        let placed = wanted
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            || wanted
                .protocols
                .iter()
                .any(|name| name.starts_with("bearer.") || name.matches('.').count() == 2);
        if let (Some(token), false) = (&wanted.token, placed) {
            self.put_token(token);
        }
        if let Some(origin) = &wanted.origin {
            self.target.origin.clone_from(origin);
        }
        self
    }

    /// Puts a token into the query: where one stands already, or at the end as `token=`.
    fn put_token(&mut self, token: &str) {
        let encoded: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let (path, query) = self.wire.split_once('?').unwrap_or((&self.wire, ""));
        let mut pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(str::to_owned)
            .collect();
        match pairs.iter_mut().find(|pair| pair.starts_with("token=")) {
            Some(pair) => *pair = format!("token={encoded}"),
            None => pairs.push(format!("token={encoded}")),
        }
        self.wire = format!("{path}?{}", pairs.join("&"));
    }
}

fn host_and_port(authority: &str, secure: bool) -> Result<(String, u16), AddressError> {
    let own = if secure { 443 } else { 80 };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(AddressError::Host);
    }
    let port = match port {
        None => own,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| AddressError::Port(port.to_owned()))?,
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Whether the name or address is this machine's loopback; other addresses of its own are found by the listener's socket.
fn is_local(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The part of the path that may be a chat id: the last one after one that is called chat, room or the like, else the last.
fn chat(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let after = parts.iter().position(|part| {
        let part = part.to_ascii_lowercase();
        ["chat", "chats", "room", "rooms", "sala", "conversation"].contains(&part.as_str())
    });
    let id = match after {
        Some(at) => parts.get(at + 1).copied(),
        None => parts.last().copied().filter(|_| parts.len() > 1),
    };
    id.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_as_it_stands() {
        let rows = [
            (
                "ws://127.0.0.1:9001/ws/chat/5/?token=a.b.c&tenant=acme",
                "127.0.0.1",
                9001,
                "/ws/chat/5/",
                Some("5"),
                true,
            ),
            (
                "wss://chat.example.org/ws/chat/5",
                "chat.example.org",
                443,
                "/ws/chat/5",
                Some("5"),
                false,
            ),
            ("chat.example.org", "chat.example.org", 80, "/ws/", None, false),
            (
                "http://[::1]:8000/socket/42/",
                "::1",
                8000,
                "/socket/42/",
                Some("42"),
                true,
            ),
        ];
        for (text, host, port, path, chat, local) in rows {
            let target = parse(text).unwrap().target;
            assert_eq!(
                (
                    target.host.as_str(),
                    target.port,
                    target.path.as_str(),
                    target.chat.as_deref(),
                    target.local
                ),
                (host, port, path, chat, local),
                "{text}"
            );
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let address =
            parse("ws://h/ws/chat/5/?token=eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln&tenant=acme").unwrap();
        assert_eq!(address.target.url, "ws://h/ws/chat/5/?token=***&tenant=acme");
        assert_eq!(address.target.tenant.as_deref(), Some("acme"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "ftp://h/",
            "ws://",
            "ws://h:0/",
            "ws://h:x/",
            "ws://a b/",
            "ws://ana:x@h/",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_of_the_command_line_goes_into_the_query() {
        let wanted = Wanted {
            token: Some("a+b".into()),
            ..Wanted::default()
        };
        assert_eq!(
            parse("ws://h/ws/?x=1").unwrap().with(&wanted).wire,
            "/ws/?x=1&token=a%2Bb"
        );
    }
}
