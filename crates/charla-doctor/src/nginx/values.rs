//! Variables of one request, as far as they are known from outside.

use std::collections::BTreeMap;

use super::pattern::{Captures, Pattern};
use super::tree::Node;

/// Maps that lead to maps.
const DEPTH: u8 = 8;

/// What variables stand for.
#[derive(Debug, Clone, Default)]
pub(super) struct Values<'a> {
    maps: Vec<&'a Node>,
    known: BTreeMap<String, String>,
    captures: Vec<String>,
}

impl<'a> Values<'a> {
    /// With the `map`s of a configuration.
    pub(super) fn new(http: &'a Node) -> Self {
        Self {
            maps: http.named("map").collect(),
            ..Self::default()
        }
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.known.insert(name.to_owned(), value.into());
    }

    /// `set` to something that cannot be known.
    pub(super) fn forget(&mut self, name: &str) {
        self.known.remove(name);
    }

    pub(super) fn capture(&mut self, captures: Captures) {
        self.captures = captures.numbered;
        self.known.extend(captures.named);
    }

    /// The text with its variables replaced; none where one is not known.
    pub(super) fn expand(&self, text: &str) -> Option<String> {
        self.expand_within(text, DEPTH)
    }

    fn expand_within(&self, text: &str, depth: u8) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (name, after) = name(after);
            if name.is_empty() {
                out.push('$');
            } else {
                out.push_str(&self.variable_within(name, depth)?);
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    fn variable_within(&self, name: &str, depth: u8) -> Option<String> {
        if let Ok(number) = name.parse::<usize>() {
            // `$1` of a group that took no part is empty.
            let group = number.checked_sub(1)?;
            return Some(self.captures.get(group).cloned().unwrap_or_default());
        }
        if let Some(value) = self.known.get(name) {
            return Some(value.clone());
        }
        let depth = depth.checked_sub(1)?;
        let map = self
            .maps
            .iter()
            .rev()
            .find(|map| map.arg(1).strip_prefix('$') == Some(name))?;
        let source = self.expand_within(map.arg(0), depth)?;
        self.expand_within(&mapped(map, &source)?, depth)
    }
}

/// The name after a dollar, and what follows it.
fn name(text: &str) -> (&str, &str) {
    if let Some(inner) = text.strip_prefix('{') {
        return inner.split_once('}').unwrap_or((inner, ""));
    }
    if text.starts_with(|char: char| char.is_ascii_digit()) {
        return text.split_at(1);
    }
    let end = text.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
    text.split_at(end.unwrap_or(text.len()))
}

/// What a `map` gives: exact texts before wildcards, those before regular expressions, those before `default`.
fn mapped(map: &Node, source: &str) -> Option<String> {
    let hostnames = map.named("hostnames").any(|entry| entry.args.is_empty());
    let entries = || map.children().iter().filter(|entry| entry.args.len() == 1);
    let exact = entries().find(|entry| {
        let special = entry.name == "default" || entry.name.starts_with('~');
        let key = entry.name.strip_prefix('\\').unwrap_or(&entry.name);
        !special && key.eq_ignore_ascii_case(source)
    });
    let wild = || {
        let wild = entries()
            .filter(|entry| hostnames && matches_wildcard(&entry.name, &source.to_ascii_lowercase()));
        wild.max_by_key(|entry| (!entry.name.ends_with('*'), entry.name.len()))
    };
    let regex = || {
        entries().find(|entry| {
            let Some(text) = entry.name.strip_prefix('~') else {
                return false;
            };
            let (text, ignore) = text.strip_prefix('*').map_or((text, false), |text| (text, true));
            Pattern::new(text, ignore).is_some_and(|pattern| pattern.captures(source).is_some())
        })
    };
    let default = || entries().find(|entry| entry.name == "default");
    let entry = exact.or_else(wild).or_else(regex).or_else(default);
    Some(entry.map_or("", |entry| entry.arg(0)).to_owned())
}

/// `*.example.com`, `.example.com`, `mail.*`; the name in lower case.
pub(super) fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    if let Some(tail) = pattern.strip_prefix('*') {
        return tail.starts_with('.') && name.len() > tail.len() && name.ends_with(tail);
    }
    if let Some(tail) = pattern.strip_prefix('.') {
        return name == tail || name.ends_with(&pattern) && name.len() > pattern.len();
    }
    let head = pattern.strip_suffix('*');
    head.is_some_and(|head| head.ends_with('.') && name.starts_with(head) && name.len() > head.len())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Dump};
    use super::*;

    #[test]
    fn maps_and_variables() {
        let config = Config::of_dump(Dump::of(&[(
            "/n",
            "http { map $http_upgrade $connection_upgrade { default upgrade; '' close; }
             map $host $up { hostnames; default d; *.example.com w; www.example.com e; ~^a[0-9] r; }
             map $loop $loop { default x; } }",
        )]));
        let http = config.http();
        let mut values = Values::new(http);
        values.set("http_upgrade", "websocket");
        for (host, expected) in [
            ("x.example.com", "w"),
            ("WWW.example.com", "e"),
            ("a1", "r"),
            ("b", "d"),
        ] {
            values.set("host", host);
            assert_eq!(values.expand("$up").as_deref(), Some(expected), "{host}");
        }
        assert_eq!(
            values.expand("a${connection_upgrade}b$").as_deref(),
            Some("aupgradeb$")
        );
        assert_eq!(values.expand("$unknown"), None);
        assert_eq!(values.expand("$loop"), None);
        values.set("http_upgrade", "");
        assert_eq!(values.expand("$connection_upgrade").as_deref(), Some("close"));
    }
}
