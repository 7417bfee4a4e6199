//! The way of a request through a server: rewrites, the search for a location, `if`, `return`, `try_files`, `error_page`.
//!
//! Phases in nginx' order: rewrites of the server, location, rewrites of the location (and again, where they changed the
//! path), then what the location does. Files are taken as missing: a WebSocket's path is never one.

use super::locations::{self, PASSES};
use super::pattern::Pattern;
use super::servers::Chosen;
use super::tree::Node;
use super::values::Values;

/// nginx gives up after ten changes of the path.
const CYCLES: u8 = 10;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// The location hands it on, or serves it by itself.
    #[default]
    Content,
    /// `return`, or a `rewrite` that answers with a redirect.
    Answered(&'a Node),
    /// 301 to the path with a slash.
    AddSlash,
    /// The path was changed too often: 500.
    Loop,
}

/// Where a request is.
#[derive(Debug, Clone)]
pub(super) struct Walk<'a> {
    pub(super) values: Values<'a>,
    /// The path as it stands, decoded.
    pub(super) path: String,
    /// Changed since the client sent it.
    pub(super) changed: bool,
    /// Changed by a `break`, or under one: `proxy_pass` no longer replaces its prefix.
    pub(super) broken: bool,
    /// `http`, server, location and those within it.
    pub(super) chain: Vec<&'a Node>,
    /// The `if` that rules the location.
    pub(super) condition: Option<&'a Node>,
    /// `rewrite`s that matched.
    pub(super) rewrites: Vec<&'a Node>,
    /// `try_files` and `error_page` that led on.
    pub(super) through: Vec<&'a Node>,
    /// What could not be evaluated.
    pub(super) assumed: Vec<&'a Node>,
    pub(super) end: End<'a>,
    cycles: u8,
}

/// How a list of rewrite directives ended.
enum Flow<'a> {
    Next,
    Last,
    Break,
    Answer(&'a Node),
}

impl<'a> Walk<'a> {
    pub(super) fn start(http: &'a Node, chosen: &Chosen<'a>, values: Values<'a>, path: &str) -> Self {
        let mut walk = Self {
            values,
            path: path.to_owned(),
            changed: false,
            broken: false,
            chain: vec![http],
            condition: None,
            rewrites: Vec::new(),
            through: Vec::new(),
            assumed: chosen.assumed.clone(),
            end: End::Content,
            cycles: 0,
        };
        if let Some(captures) = chosen.captures.clone() {
            walk.values.capture(captures);
        }
        if let Some(server) = chosen.server {
            walk.chain.push(server);
            walk.enter_server(server);
        }
        walk
    }

    /// The level in force: the location, or the server.
    pub(super) fn level(&self) -> Option<&'a Node> {
        self.chain.last().copied()
    }

    /// From the narrowest level to the widest.
    pub(super) fn levels(&self) -> impl Iterator<Item = &'a Node> {
        self.condition.into_iter().chain(self.chain.iter().rev().copied())
    }

    /// The directives of a name that are in force: those of the narrowest level that has any.
    pub(super) fn effective(&self, names: &[&str]) -> Vec<&'a Node> {
        let of = |level: &'a Node| -> Vec<&'a Node> {
            let own = level
                .children()
                .iter()
                .filter(|node| names.contains(&node.name.as_str()));
            own.collect()
        };
        self.levels()
            .map(of)
            .find(|own| !own.is_empty())
            .unwrap_or_default()
    }

    fn enter_server(&mut self, server: &'a Node) {
        self.values.set("uri", self.path.clone());
        let mut changed = false;
        if let Flow::Answer(node) = self.script(server.children(), &mut changed, false) {
            self.answer(node);
            return;
        }
        self.search(server);
    }

    /// Finds the location, and runs its rewrites until the path stays as it is.
    fn search(&mut self, server: &'a Node) {
        loop {
            let found = locations::find(server, &self.path);
            self.assumed.extend(found.assumed);
            if let Some(captures) = found.captures {
                self.values.capture(captures);
            }
            self.condition = None;
            self.chain.truncate(2);
            self.chain.extend(found.chain.iter().copied());
            if found.end == locations::End::AddSlash {
                self.end = End::AddSlash;
                return;
            }
            let Some(location) = found.chain.last().copied() else {
                break;
            };
            match self.rewritten(location) {
                Some(true) => {}
                Some(false) => break,
                None => return,
            }
        }
        self.serve(server);
    }

    /// Runs a location's rewrites: whether the search begins anew; none where the request is over.
    fn rewritten(&mut self, location: &'a Node) -> Option<bool> {
        let mut changed = false;
        match self.script(location.children(), &mut changed, true) {
            Flow::Answer(node) => {
                self.answer(node);
                return None;
            }
            Flow::Break | Flow::Last | Flow::Next => {}
        }
        if changed {
            self.cycles += 1;
            if self.cycles > CYCLES {
                self.end = End::Loop;
                return None;
            }
        }
        Some(changed)
    }

    fn script(&mut self, nodes: &'a [Node], changed: &mut bool, in_location: bool) -> Flow<'a> {
        for node in nodes {
            let flow = match node.name.as_str() {
                "return" => Flow::Answer(node),
                "break" => {
                    *changed = false;
                    Flow::Break
                }
                "set" => {
                    let name = node.arg(0).trim_start_matches('$').to_owned();
                    match self.values.expand(node.arg(1)) {
                        Some(value) => self.values.set(&name, value),
                        None => self.values.forget(&name),
                    }
                    Flow::Next
                }
                "rewrite" => self.rewrite(node, changed),
                "if" => match self.holds(node) {
                    Some(true) => {
                        if in_location {
                            self.condition = Some(node);
                        }
                        self.script(node.children(), changed, in_location)
                    }
                    Some(false) => Flow::Next,
                    None => {
                        self.assumed.push(node);
                        Flow::Next
                    }
                },
                _ => Flow::Next,
            };
            if !matches!(flow, Flow::Next) {
                return flow;
            }
        }
        Flow::Next
    }

    fn rewrite(&mut self, node: &'a Node, changed: &mut bool) -> Flow<'a> {
        let Some(pattern) = Pattern::new(node.arg(0), false) else {
            self.assumed.push(node);
            return Flow::Next;
        };
        let Some(captures) = pattern.captures(&self.path) else {
            return Flow::Next;
        };
        self.values.capture(captures);
        self.rewrites.push(node);
        let (replacement, flag) = (node.arg(1), node.arg(2));
        let elsewhere = ["http://", "https://", "$scheme"]
            .iter()
            .any(|start| replacement.starts_with(start));
        if elsewhere || flag == "redirect" || flag == "permanent" {
            return Flow::Answer(node);
        }
        let path = replacement.split('?').next().unwrap_or_default();
        match self.values.expand(path) {
            Some(path) => self.move_to(&path),
            None => self.assumed.push(node),
        }
        *changed = flag != "break";
        self.broken |= flag == "break";
        match flag {
            "last" => Flow::Last,
            "break" => Flow::Break,
            _ => Flow::Next,
        }
    }

    fn move_to(&mut self, path: &str) {
        path.clone_into(&mut self.path);
        self.changed = true;
        self.values.set("uri", path);
    }

    /// `if (...)`; none where it cannot be told.
    fn holds(&mut self, node: &Node) -> Option<bool> {
        let joined = node.args.join("\u{1f}");
        let inner = joined.strip_prefix('(')?.strip_suffix(')')?;
        let mut words = inner.split('\u{1f}').filter(|word| !word.is_empty());
        let (left, operator) = (words.next()?, words.next());
        let right = words.next().or_else(|| operator.map(|_| "")).unwrap_or_default();
        let Some(operator) = operator else {
            let value = self.values.expand(left)?;
            return Some(!value.is_empty() && value != "0");
        };
        if left.starts_with('-') || left.starts_with("!-") {
            // No file has a WebSocket's path.
            return Some(left.starts_with('!'));
        }
        let value = self.values.expand(left)?;
        match operator {
            "=" => Some(value == self.values.expand(right)?),
            "!=" => Some(value != self.values.expand(right)?),
            "~" | "~*" | "!~" | "!~*" => {
                let captures = Pattern::new(right, operator.ends_with('*'))?.captures(&value);
                let matched = captures.is_some();
                if let Some(captures) = captures {
                    self.values.capture(captures);
                }
                Some(matched != operator.starts_with('!'))
            }
            _ => None,
        }
    }

    /// `return`: an error's code may still lead to an `error_page`.
    fn answer(&mut self, node: &'a Node) {
        let code = (node.name == "return" && node.args.len() == 1).then(|| node.arg(0));
        self.end = End::Answered(node);
        if let Some(code) = code {
            self.error_page(code);
        }
    }

    /// What the location does when no rewrite is left.
    fn serve(&mut self, server: &'a Node) {
        let Some(level) = self.level() else { return };
        let of = self.condition.unwrap_or(level);
        let tries = level
            .named("try_files")
            .next()
            .filter(|_| self.condition.is_none());
        let repeated = tries.is_some_and(|tries| self.through.iter().any(|node| std::ptr::eq(*node, tries)));
        if let Some(tries) = tries
            && !repeated
        {
            self.try_files(server, tries);
            return;
        }
        let passes = |node: &Node| {
            node.children()
                .iter()
                .any(|child| PASSES.contains(&child.name.as_str()))
        };
        if !passes(of) && !passes(level) {
            self.error_page("404");
        }
    }

    fn try_files(&mut self, server: &'a Node, tries: &'a Node) {
        let Some(last) = tries.args.last() else { return };
        if let Some(code) = last.strip_prefix('=') {
            self.error_page(code);
        } else {
            let mut on = self.clone();
            on.through.push(tries);
            let before = on.chain.clone();
            if on.lead(server, last) && on.is_handled() {
                *self = on;
            } else {
                // A page for everything: the location that says so is the one to name.
                self.chain = before;
            }
        }
    }

    /// Follows an `error_page` where it leads to a location that answers by itself or proxies.
    fn error_page(&mut self, code: &str) {
        let pages = self.effective(&["error_page"]);
        let page = pages
            .into_iter()
            .find(|page| page.args.iter().any(|arg| arg == code));
        let (Some(page), Some(server)) = (page, self.chain.get(1).copied()) else {
            return;
        };
        if self.through.iter().any(|node| std::ptr::eq(*node, page)) {
            return;
        }
        let Some(target) = page.args.last() else { return };
        let mut on = self.clone();
        on.through.push(page);
        on.end = End::Content;
        if on.lead(server, target) && on.is_proxied() {
            *self = on;
        }
    }

    /// To another path or a named location; false where there is none.
    fn lead(&mut self, server: &'a Node, target: &str) -> bool {
        self.cycles += 1;
        if self.cycles > CYCLES {
            self.end = End::Loop;
            return true;
        }
        if target.starts_with('@') {
            let Some(node) = locations::named(server, target) else {
                return false;
            };
            self.chain.truncate(2);
            self.chain.push(node);
            self.condition = None;
            match self.rewritten(node) {
                Some(true) => self.search(server),
                Some(false) => self.serve(server),
                None => {}
            }
            return true;
        }
        let path = target.split('?').next().unwrap_or_default();
        let Some(path) = self.values.expand(path).filter(|path| path.starts_with('/')) else {
            return false;
        };
        self.move_to(&path);
        self.broken = false;
        self.enter_server(server);
        true
    }

    fn is_handled(&self) -> bool {
        self.is_proxied() || !matches!(self.end, End::Content)
    }

    fn is_proxied(&self) -> bool {
        let passes = |node: &Node| {
            node.children()
                .iter()
                .any(|child| PASSES.contains(&child.name.as_str()))
        };
        matches!(self.end, End::Content)
            && (self.condition.is_some_and(passes) || self.level().is_some_and(passes))
    }
}
