//! Where a token was given: in the address, as an argument, in a header, among the sub-protocols.

use percent_encoding::percent_decode_str;

use crate::plan::Wanted;

/// Parameters that carry a token, by how common they are.
const PARAMETERS: [&str; 7] = [
    "token",
    "access",
    "access_token",
    "jwt",
    "auth",
    "auth_token",
    "authorization",
];

/// A token as it was given. Has no `Debug`: it is a secret.
#[derive(Clone, Default)]
pub struct Given {
    /// Where: `?token=`, `--token`, `Authorization`, `Sec-WebSocket-Protocol`.
    pub place: String,
    /// The token, decoded.
    pub token: String,
    /// Characters that stand in the address as they are, and must not: `+` is read as a space, `#` ends the address.
    pub unencoded: String,
}

impl Given {
    /// One that stands by itself, as `--token` and headers have it.
    #[must_use]
    pub fn plain(place: &str, token: &str) -> Self {
        Self {
            place: place.to_owned(),
            token: token.to_owned(),
            unencoded: String::new(),
        }
    }

    /// One that stands in a query.
    fn in_query(parameter: &str, raw: &str, fragment: Option<&str>) -> Self {
        let mut raw = raw.to_owned();
        let mut unencoded: Vec<char> = raw
            .chars()
            .filter(|c| matches!(c, '+' | '/' | '=' | ' ' | '"'))
            .collect();
        if let Some(rest) = fragment {
            raw.push('#');
            raw.push_str(rest);
            unencoded.push('#');
        }
        unencoded.sort_unstable();
        unencoded.dedup();
        Self {
            place: format!("?{parameter}="),
            token: percent_decode_str(&raw).decode_utf8_lossy().into_owned(),
            unencoded: unencoded.into_iter().collect(),
        }
    }
}

/// The token of a run: that of the address first, as a page would send it, unless `--token` replaces it.
#[must_use]
pub fn given(wanted: &Wanted) -> Option<Given> {
    let argument = wanted
        .token
        .as_deref()
        .map(|token| Given::plain("--token", token));
    let address = || wanted.url.as_deref().and_then(in_address);
    argument
        .or_else(address)
        .or_else(|| in_headers(wanted))
        .or_else(|| in_protocols(wanted))
}

fn in_address(url: &str) -> Option<Given> {
    let (_, query) = url.trim().split_once('?')?;
    let (query, fragment) = query
        .split_once('#')
        .map_or((query, None), |(query, rest)| (query, Some(rest)));
    let pairs: Vec<(&str, &str)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let last = pairs.len().saturating_sub(1);
    PARAMETERS.iter().find_map(|name| {
        let at = pairs
            .iter()
            .position(|(other, _)| other.eq_ignore_ascii_case(name))?;
        let (_, raw) = pairs.get(at)?;
        // Only what the address ends with can have been cut by a `#`.
        let fragment = fragment.filter(|_| at == last && !raw.is_empty());
        Some(Given::in_query(name, raw, fragment))
    })
}

fn in_headers(wanted: &Wanted) -> Option<Given> {
    wanted.headers.iter().find_map(|(name, value)| {
        if !name.eq_ignore_ascii_case("authorization") {
            return None;
        }
        let (scheme, token) = value.trim().split_once(' ')?;
        let fits = ["bearer", "jwt", "token"]
            .iter()
            .any(|word| scheme.eq_ignore_ascii_case(word));
        fits.then(|| Given::plain("Authorization", token.trim()))
    })
}

/// `charla.v1, bearer.<jwt>` or the older `jwt, <jwt>`.
fn in_protocols(wanted: &Wanted) -> Option<Given> {
    let words = wanted
        .protocols
        .iter()
        .flat_map(|words| words.split(','))
        .map(str::trim);
    let mut tokens = words.filter_map(|word| {
        let word = word.strip_prefix("bearer.").unwrap_or(word);
        (word.contains("eyJ") && word.contains('.')).then_some(word)
    });
    tokens
        .next_back()
        .map(|token| Given::plain("Sec-WebSocket-Protocol", token))
}
