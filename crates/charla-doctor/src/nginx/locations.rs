//! Which location a path falls into: exact ones, the longest prefix, `^~`, then regular expressions in their order; nested ones
//! likewise within. Follows `ngx_http_core_find_location`.

use super::pattern::{Captures, Pattern};
use super::tree::Node;

/// How a search ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    /// No location: the server itself.
    #[default]
    None,
    /// A prefix, which a regular expression further out may still take.
    Prefix,
    /// Final.
    Final,
    /// 301 to the same path with a slash: only a proxied location with one has this name.
    AddSlash,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub(super) struct Found<'a> {
    pub(super) end: End,
    /// The location and those nested in it, outermost first.
    pub(super) chain: Vec<&'a Node>,
    pub(super) captures: Option<Captures>,
    /// Regular expressions that could not be evaluated.
    pub(super) assumed: Vec<&'a Node>,
}

/// `=`, `^~`, `~`, `~*`, `@` or nothing, and what follows.
pub(super) fn modifier(location: &Node) -> (&str, &str) {
    match location.args.as_slice() {
        [modifier, pattern, ..] => (modifier, pattern),
        [one] => {
            let glued = ["=", "^~", "~*", "~"]
                .iter()
                .find_map(|modifier| Some((*modifier, one.strip_prefix(modifier)?)));
            glued.unwrap_or(("", one))
        }
        [] => ("", ""),
    }
}

fn locations(level: &Node) -> impl Iterator<Item = (&str, &str, &Node)> {
    level.named("location").map(|node| {
        let (modifier, pattern) = modifier(node);
        (modifier, pattern, node)
    })
}

/// Directives that hand a request to somebody else; such a location sends `/ws` to `/ws/`.
pub(super) const PASSES: [&str; 6] = [
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "memcached_pass",
];

fn fixed<'a>(level: &'a Node, path: &str) -> (End, Option<&'a Node>) {
    let mut best: Option<(&str, &Node)> = None;
    let mut slashed = None;
    for (modifier, pattern, node) in locations(level) {
        match modifier {
            "=" if pattern == path => return (End::Final, Some(node)),
            "" | "^~" if !pattern.starts_with('@') && path.starts_with(pattern) => {
                let longer = best.is_none_or(|(longest, _)| pattern.len() > longest.len());
                best = if longer { Some((pattern, node)) } else { best };
            }
            "=" | "" | "^~" => {
                let passes = node
                    .children()
                    .iter()
                    .any(|child| PASSES.contains(&child.name.as_str()));
                if passes && pattern.strip_suffix('/') == Some(path) {
                    slashed = Some(node);
                }
            }
            _ => {}
        }
    }
    match (best, slashed) {
        (Some((pattern, node)), _) if pattern == path => (End::Prefix, Some(node)),
        (_, Some(node)) => (End::AddSlash, Some(node)),
        (Some((_, node)), None) => (End::Prefix, Some(node)),
        (None, None) => (End::None, None),
    }
}

/// The location of a path within a server or a location.
pub(super) fn find<'a>(level: &'a Node, path: &str) -> Found<'a> {
    let (end, node) = fixed(level, path);
    let mut found = Found {
        end,
        chain: node.into_iter().collect(),
        ..Found::default()
    };
    let mut skips_regexes = false;
    if let (End::Prefix, Some(node)) = (end, node) {
        skips_regexes = modifier(node).0 == "^~";
        let inner = find(node, path);
        found.take(inner);
    }
    if matches!(found.end, End::Final | End::AddSlash) || skips_regexes {
        return found;
    }
    for (modifier, text, node) in locations(level) {
        if modifier != "~" && modifier != "~*" {
            continue;
        }
        let Some(pattern) = Pattern::new(text, modifier == "~*") else {
            found.assumed.push(node);
            continue;
        };
        if let Some(captures) = pattern.captures(path) {
            found.chain = vec![node];
            found.captures = Some(captures);
            let inner = find(node, path);
            found.take(inner);
            found.end = End::Final;
            return found;
        }
    }
    found
}

impl Found<'_> {
    fn take(&mut self, inner: Self) {
        self.end = inner.end;
        self.chain.extend(inner.chain);
        self.captures = inner.captures.or(self.captures.take());
        self.assumed.extend(inner.assumed);
    }
}

/// The `location @name` of a server.
pub(super) fn named<'a>(server: &'a Node, name: &str) -> Option<&'a Node> {
    let mut all = locations(server);
    all.find(|(modifier, pattern, _)| modifier.is_empty() && *pattern == name)
        .map(|(_, _, node)| node)
}
