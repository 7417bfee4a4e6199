//! WebSocket addresses as `re_path` and `path` write them, in parts.

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// As it is written.
    pub pattern: String,
    /// File and line.
    pub at: String,
    /// Its parts; none when the pattern says more than names between texts.
    pub parts: Option<Vec<RoutePart>>,
}

/// A part of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutePart {
    /// Text, slashes with it.
    Text(String),
    /// A named part of the address.
    Named(String),
}

impl Route {
    pub(super) fn new(pattern: &str, at: &str) -> Self {
        let parts = if pattern.contains("(?P<") || pattern.contains(['^', '$', '\\']) {
            of_regex(pattern)
        } else {
            of_path(pattern)
        };
        Self {
            pattern: pattern.to_owned(),
            at: at.to_owned(),
            parts,
        }
    }

    /// `/ws/chat/<chat_id>/`
    #[must_use]
    pub fn shown(&self) -> String {
        let Some(parts) = &self.parts else {
            return self.pattern.clone();
        };
        let mut out = String::from("/");
        for part in parts {
            match part {
                RoutePart::Text(text) => out.push_str(text),
                RoutePart::Named(name) => {
                    out.push('<');
                    out.push_str(name);
                    out.push('>');
                }
            }
        }
        out
    }

    /// Its names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flatten().filter_map(|part| match part {
            RoutePart::Named(name) => Some(name.as_str()),
            RoutePart::Text(_) => None,
        })
    }
}

/// `ws/chat/<int:chat_id>/`
fn of_path(pattern: &str) -> Option<Vec<RoutePart>> {
    let mut parts = Vec::new();
    let mut rest = pattern.trim_start_matches('/');
    while let Some((before, after)) = rest.split_once('<') {
        let (name, after) = after.split_once('>')?;
        text(&mut parts, before)?;
        parts.push(RoutePart::Named(name.rsplit(':').next()?.to_owned()));
        rest = after;
    }
    text(&mut parts, rest)?;
    Some(parts)
}

/// `^ws/chat/(?P<chat_id>\d+)/$`
fn of_regex(pattern: &str) -> Option<Vec<RoutePart>> {
    let mut parts = Vec::new();
    // The anchors of an outer pattern may stand within.
    let plain = pattern
        .replace(['^', '$'], "")
        .replace("/?", "/")
        .replace("\\-", "-")
        .replace("\\.", ".");
    let mut rest = plain.trim_start_matches('/');
    while let Some((before, after)) = rest.split_once("(?P<") {
        text(&mut parts, before)?;
        let (name, after) = after.split_once('>')?;
        let mut depth = 1_u32;
        let end = after.char_indices().find(|(_, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let (end, _) = end?;
        parts.push(RoutePart::Named(name.to_owned()));
        rest = after.get(end + 1..)?;
    }
    text(&mut parts, rest)?;
    Some(parts)
}

/// Text that means itself; none when it is more.
fn text(parts: &mut Vec<RoutePart>, text: &str) -> Option<()> {
    if text.contains(['(', ')', '[', ']', '*', '+', '{', '}', '|', '\\', '?']) {
        return None;
    }
    if !text.is_empty() {
        parts.push(RoutePart::Text(text.to_owned()));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn patterns_in_parts() {
        for (pattern, shown) in [
            (r"^ws/chat/(?P<chat>\d+)/$", "/ws/chat/<chat>/"),
            (r"ws/chat/(?P<chat_id>[\w-]+)/?$", "/ws/chat/<chat_id>/"),
            ("ws/chat/<int:chat_id>/", "/ws/chat/<chat_id>/"),
            (r"^/ws/(?P<schema>(a|b))/(?P<room>\w+)/$", "/ws/<schema>/<room>/"),
            ("^ws/$", "/ws/"),
            (r"^ws/(chat|sala)/(?P<id>\d+)/$", r"^ws/(chat|sala)/(?P<id>\d+)/$"),
            (r"^ws/{name}/(?P<id>\d+)/$", r"^ws/{name}/(?P<id>\d+)/$"),
        ] {
            assert_eq!(Route::new(pattern, "").shown(), shown, "{pattern}");
        }
    }
}
