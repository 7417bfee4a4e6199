//! What a request for a socket path asks, taken from its bytes and judged by nothing but its form.

use charla_wire::codec::deflate;
use charla_wire::{Cause, ChatId, TenantId};
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method, Version};

use super::refused::Refused;
use crate::join::LeftOff;
use crate::receipts::ATTEMPT_MAX;
use crate::telemetry::TraceContext;

/// The sub-protocol of `charla.v1`.
const PROTOCOL_V1: &str = "charla.v1";
/// The older way to send a token as a sub-protocol; such clients speak the plain dialect.
const PROTOCOL_JWT: &str = "jwt";
/// In front of a token among the sub-protocols.
const BEARER: &str = "bearer.";

/// How the client wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// `charla.v1`.
    V1,
    /// Flat objects.
    #[default]
    Plain,
}

/// Where the credential comes from, the first found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// Nowhere.
    #[default]
    None,
    /// A JWT.
    Token(String),
    /// A one-time ticket.
    Ticket(String),
    /// The key of one of Django's sessions, from a cookie.
    Session(String),
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The chat of a `/ws/chat/{chat}/` address.
    pub chat: Option<ChatId>,
    /// The tenant that the address names.
    pub tenant: Option<TenantId>,
    /// Who it says it is.
    pub credential: Credential,
    /// The attempt's id.
    pub attempt: Option<String>,
    /// Where it left off.
    pub left_off: LeftOff,
    /// How it wants to be spoken to.
    pub dialect: Dialect,
    /// The handshake's span, where it is recorded.
    pub trace: Option<TraceContext>,
}

/// A handshake that is none.
#[derive(Debug)]
pub(super) struct Broken {
    /// Why.
    pub cause: Cause,
    /// In words.
    pub detail: &'static str,
}

/// What kind of request it is.
pub(super) enum Kind {
    /// A browser asks whether a page of another origin may ask.
    Options,
    /// Plain HTTP: what would a handshake get?
    Preflight,
    /// A handshake.
    Upgrade(Upgrade),
}

/// A handshake in due form.
pub(super) struct Upgrade {
    pub(super) key: String,
    /// Whether an offer of permessage-deflate can be kept.
    pub(super) offers_deflate: bool,
    protocols: Vec<String>,
}

/// Whether a path is a socket's; all below `/ws` is.
#[must_use]
pub fn is_socket_path(path: &str) -> bool {
    path == "/ws" || path.starts_with("/ws/")
}

impl Kind {
    /// Tells a handshake from a preflight.
    ///
    /// # Errors
    /// What is neither: another method, a handshake that a proxy stripped, a malformed one.
    pub(super) fn of(parts: &Parts) -> Result<Self, Broken> {
        let headers = &parts.headers;
        if parts.method == Method::OPTIONS {
            return Ok(Self::Options);
        }
        if parts.method != Method::GET {
            return Err(Broken {
                cause: Cause::MethodNotAllowed,
                detail: "a WebSocket is opened by GET",
            });
        }
        let keys: Vec<&[u8]> = headers
            .get_all(header::SEC_WEBSOCKET_KEY)
            .iter()
            .map(|key| key.as_bytes())
            .collect();
        let upgrades =
            lists(headers, &header::UPGRADE, "websocket") && lists(headers, &header::CONNECTION, "upgrade");
        match (keys.as_slice(), upgrades) {
            ([], false) => Ok(Self::Preflight),
            ([], true) => Err(malformed("`Sec-WebSocket-Key` is missing")),
            ([_, ..], false) => Err(Broken {
                cause: Cause::ProxyNoUpgrade,
                detail: "`Sec-WebSocket-Key` came without `Upgrade: websocket` and `Connection: Upgrade`: a proxy dropped them",
            }),
            ([_, _, ..], true) => Err(malformed("`Sec-WebSocket-Key` stands twice")),
            ([key], true) => Self::upgrade(headers, key, parts.version),
        }
    }

    fn upgrade(headers: &HeaderMap, key: &[u8], version: Version) -> Result<Self, Broken> {
        if version > Version::HTTP_11 {
            return Err(malformed("a WebSocket is opened over HTTP/1.1"));
        }
        // Sixteen bytes in base64 are 22 letters and two `=` (RFC 6455, section 4.1).
        let letters = key.strip_suffix(b"==").unwrap_or_default();
        if letters.len() != 22
            || !letters
                .iter()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/'))
        {
            return Err(malformed("`Sec-WebSocket-Key` is not 16 bytes in base64"));
        }
        // HTTP/1.0 does not know `Host`; two of them are read differently by two readers (RFC 9112, section 3.2).
        match (headers.get_all(header::HOST).iter().count(), version) {
            (1, _) | (0, Version::HTTP_10) => {}
            (0, _) => return Err(malformed("`Host` is missing")),
            _ => return Err(malformed("`Host` stands twice")),
        }
        let mut versions = headers.get_all(header::SEC_WEBSOCKET_VERSION).iter();
        // Once and no list (RFC 6455, section 11.3.5).
        if versions
            .next()
            .is_none_or(|version| version.as_bytes().trim_ascii() != b"13")
            || versions.next().is_some()
        {
            return Err(Broken {
                cause: Cause::WebsocketVersion,
                detail: "`Sec-WebSocket-Version` must be 13",
            });
        }
        Ok(Self::Upgrade(Upgrade {
            key: String::from_utf8_lossy(key).into_owned(),
            offers_deflate: deflate::offered(&joined(headers, &header::SEC_WEBSOCKET_EXTENSIONS)).ok_or(
                malformed("`Sec-WebSocket-Extensions` is not a list of extensions"),
            )?,
            protocols: protocols(headers)
                .ok_or(malformed("`Sec-WebSocket-Protocol` is not a list of tokens"))?,
        }))
    }
}

const fn malformed(detail: &'static str) -> Broken {
    Broken {
        cause: Cause::BadRequest,
        detail,
    }
}

/// Whether a comma-separated header has a word, whatever its case.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

/// The sub-protocols offered; `None` when the header is no list of tokens (RFC 9110, section 5.6.2).
fn protocols(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut offered = Vec::new();
    for value in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        for item in value.to_str().ok()?.split(',') {
            let item = item.trim();
            let is_token = !item.is_empty()
                && item.bytes().all(|c| {
                    matches!(c, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'|' | b'~')
                        || matches!(c, b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z')
                });
            if !is_token {
                return None;
            }
            offered.push(item.to_owned());
        }
    }
    Some(offered)
}

impl Upgrade {
    fn offers(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered == protocol)
    }

    /// The sub-protocol to answer with: a browser that offered some fails unless one comes back.
    pub(super) fn chosen_protocol(&self) -> Option<&str> {
        let known = [PROTOCOL_V1, PROTOCOL_JWT]
            .into_iter()
            .find(|known| self.offers(known));
        known.or_else(|| self.protocols.first().map(String::as_str))
    }

    /// Which dialect the chosen sub-protocol means.
    pub(super) fn dialect(&self) -> Dialect {
        if self.offers(PROTOCOL_V1) {
            Dialect::V1
        } else {
            Dialect::Plain
        }
    }

    /// Whether one of the sub-protocols offered is ours.
    ///
    /// # Errors
    /// `subprotocol_mismatch` when there are some and none is.
    pub(super) fn known_protocol(&self) -> Result<(), Refused> {
        if self.protocols.is_empty() || self.offers(PROTOCOL_V1) || self.offers(PROTOCOL_JWT) {
            return Ok(());
        }
        Err(Refused::new(
            Cause::BadRequest,
            "no sub-protocol that is known here: offer `charla.v1` or none",
        ))
    }
}

impl Asked {
    /// The credential as it was shown, if one was.
    pub(crate) fn shown(&self) -> Option<&str> {
        match &self.credential {
            Credential::None => None,
            Credential::Token(shown) | Credential::Ticket(shown) | Credential::Session(shown) => Some(shown),
        }
    }

    /// The token, if that is what was shown.
    pub(crate) fn token(&self) -> Option<&str> {
        match &self.credential {
            Credential::Token(token) => Some(token),
            Credential::None | Credential::Ticket(_) | Credential::Session(_) => None,
        }
    }

    /// With the cookie of this name as the credential, where there is no other: browsers send cookies unasked.
    pub(super) fn with_session(mut self, cookie_name: Option<&str>, headers: &HeaderMap) -> Self {
        if self.credential == Credential::None
            && let Some(session) = cookie_name.and_then(|name| cookie(headers, name))
        {
            self.credential = Credential::Session(session);
        }
        self
    }

    /// Reads path, parameters and credential.
    ///
    /// # Errors
    /// `bad_request` for ids that are none and for what stands twice.
    pub fn read(parts: &Parts) -> Result<Self, Refused> {
        let mut asked = Self {
            chat: chat(parts.uri.path())?,
            ..Self::default()
        };
        let mut address = Address::default();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "token" => once(&mut address.token, value, "token")?,
                "ticket" => once(&mut address.ticket, value, "ticket")?,
                "tenant" | "schema" => once(&mut address.tenant, value, "tenant")?,
                "attempt" => once(&mut asked.attempt, value, "attempt")?,
                "after" => asked.left_off.after = Some(number(&value, "after")?),
                "rev" => asked.left_off.rev = Some(number(&value, "rev")?),
                "epoch" => asked.left_off.epoch = Some(number(&value, "epoch")?),
                // Proxies and front ends add parameters of their own.
                _ => {}
            }
        }
        if asked
            .attempt
            .as_deref()
            .is_some_and(|attempt| !is_attempt(attempt))
        {
            return Err(Refused::new(
                Cause::BadRequest,
                format!("`attempt` has 1 to {ATTEMPT_MAX} letters"),
            ));
        }
        if let Some(tenant) = address.tenant {
            let tenant = TenantId::parse(&tenant);
            asked.tenant =
                Some(tenant.map_err(|error| Refused::new(Cause::BadRequest, format!("the tenant {error}")))?);
        }
        asked.credential = match (header_token(&parts.headers)?, address.ticket, address.token) {
            (Some(token), ..) => Credential::Token(token),
            (None, Some(ticket), _) => Credential::Ticket(ticket),
            (None, None, Some(token)) if token.is_empty() => Credential::None,
            (None, None, Some(token)) => Credential::Token(token),
            (None, None, None) => Credential::None,
        };
        Ok(asked)
    }
}

/// The attempt's id alone, for requests that cannot be read as a whole.
pub(super) fn attempt(parts: &Parts) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let (_, attempt) = parameters.find(|(name, _)| name == "attempt")?;
    is_attempt(&attempt).then(|| attempt.into_owned())
}

fn is_attempt(attempt: &str) -> bool {
    (1..=ATTEMPT_MAX).contains(&attempt.len())
}

/// The parameters that become something else.
#[derive(Default)]
struct Address {
    token: Option<String>,
    ticket: Option<String>,
    tenant: Option<String>,
}

fn once(slot: &mut Option<String>, value: String, name: &str) -> Result<(), Refused> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refused::new(
            Cause::BadRequest,
            format!("`{name}` stands twice in the address"),
        )),
    }
}

fn number(value: &str, name: &str) -> Result<u64, Refused> {
    // The store counts in 63 bits.
    let number = value
        .parse::<u64>()
        .ok()
        .filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| Refused::new(Cause::BadRequest, format!("`{name}` must be a number from 0")))
}

/// The chat that a path names; `None` for the address of many chats.
fn chat(path: &str) -> Result<Option<ChatId>, Refused> {
    let bad = |detail: String| Refused::new(Cause::BadRequest, detail);
    match path.strip_prefix("/ws").map(|rest| rest.trim_start_matches('/')) {
        Some("") => Ok(None),
        Some(rest) => {
            let id = rest
                .strip_prefix("chat/")
                .ok_or_else(|| bad("the path is /ws/ or /ws/chat/{chat}/".into()))?;
            let id = id.strip_suffix('/').unwrap_or(id);
            let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
            ChatId::parse(&id)
                .map(Some)
                .map_err(|error| bad(format!("the chat's id {error}")))
        }
        None => Err(bad("not a socket's path".into())),
    }
}

/// The first cookie of a name, if it is not empty.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut cookies = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|cookie| cookie.split_once('='));
    let (_, value) = cookies.find(|(found, _)| found.trim() == name)?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// A token from `Authorization` or from the sub-protocols.
fn header_token(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let first = authorizations.next();
    if authorizations.next().is_some() {
        return Err(Refused::new(Cause::BadRequest, "`Authorization` stands twice"));
    }
    if let Some(value) = first
        && let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' '))
        && scheme.eq_ignore_ascii_case("bearer")
        && !token.trim().is_empty()
    {
        return Ok(Some(token.trim().to_owned()));
    }
    let offered = protocols(headers).unwrap_or_default();
    let bearer = offered.iter().find_map(|protocol| protocol.strip_prefix(BEARER));
    let after_jwt = offered
        .iter()
        .skip_while(|protocol| *protocol != PROTOCOL_JWT)
        .nth(1);
    Ok(bearer.map(ToOwned::to_owned).or_else(|| after_jwt.cloned()))
}

#[cfg(test)]
mod tests;
