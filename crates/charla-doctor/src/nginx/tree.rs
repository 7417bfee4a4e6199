//! The configuration as a tree, with its includes in place.

use std::sync::Arc;

use super::files::{Dump, Files};
use super::lexer::{Event, Lexer};
use crate::evidence::Directive;

/// Includes within includes.
const INCLUDE_DEPTH: usize = 16;
/// Files in all.
const FILES: usize = 512;
/// Bytes in all.
const BYTES: usize = 16 << 20;
/// Blocks within blocks: nginx' own are seven deep at most, nested locations aside.
const BLOCK_DEPTH: usize = 48;
/// Directives in all.
const NODES: usize = 200_000;
/// Faults that are kept.
const FAULTS: usize = 32;

/// A directive, with its block where it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name; the key of an entry of `map`.
    pub name: String,
    /// Its arguments, without quotes.
    pub args: Vec<String>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// The line it begins in.
    pub line: u32,
    /// What stands between its braces.
    pub block: Option<Vec<Self>>,
}

impl Node {
    /// `/etc/nginx/nginx.conf:12`.
    #[must_use]
    pub fn at(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// What stands between its braces; nothing where it has none.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Its directives of a name.
    pub fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        self.children().iter().filter(move |node| node.name == name)
    }

    /// An argument.
    #[must_use]
    pub fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }

    /// As evidence.
    #[must_use]
    pub fn directive(&self) -> Directive {
        Directive {
            name: self.name.clone(),
            args: self.args.clone(),
            at: self.at(),
        }
    }
}

/// A whole configuration.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The main file.
    pub main: String,
    /// Everything at the top: `events`, `http`.
    pub root: Node,
    /// What could not be read, as file:line and words.
    pub errors: Vec<String>,
}

impl Config {
    /// Reads a main file and everything that it includes. Relative includes start at the main file's folder.
    #[must_use]
    pub fn read(main: &str, files: &mut dyn Files) -> Self {
        let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut reading = Reading {
            files,
            folder,
            errors: Vec::new(),
            read: 0,
            bytes: 0,
            nodes: 0,
        };
        let block = match reading.text(main) {
            Ok(text) => reading.parse(main, &text, 0, 0),
            Err(error) => {
                reading.fault(main, 1, &error);
                Vec::new()
            }
        };
        Self {
            main: main.to_owned(),
            root: Node {
                file: Arc::from(main),
                block: Some(block),
                ..Node::default()
            },
            errors: reading.errors,
        }
    }

    /// From what `nginx -T` printed.
    #[must_use]
    pub fn of_dump(mut dump: Dump) -> Self {
        let main = dump.main.clone();
        Self::read(&main, &mut dump)
    }

    /// The `http` block; the top where there is none, as in a single site's file.
    #[must_use]
    pub fn http(&self) -> &Node {
        self.root.named("http").next().unwrap_or(&self.root)
    }
}

struct Reading<'a> {
    files: &'a mut dyn Files,
    folder: &'a str,
    errors: Vec<String>,
    read: usize,
    bytes: usize,
    nodes: usize,
}

impl Reading<'_> {
    fn fault(&mut self, file: &str, line: u32, words: &str) {
        let said = format!("{file}:{line}: {words}");
        if self.errors.len() < FAULTS && !self.errors.contains(&said) {
            self.errors.push(said);
        }
    }

    fn text(&mut self, path: &str) -> Result<String, String> {
        if self.read >= FILES {
            return Err(format!("more than {FILES} files"));
        }
        self.read += 1;
        let text = self.files.read(path)?;
        self.bytes += text.len();
        if self.bytes > BYTES {
            return Err(format!("more than {BYTES} bytes of configuration"));
        }
        Ok(text)
    }

    /// `depth` counts files, `blocks` the blocks around this one.
    fn parse(&mut self, path: &str, text: &str, depth: usize, blocks: usize) -> Vec<Node> {
        let file: Arc<str> = Arc::from(path);
        let mut stack: Vec<Node> = Vec::new();
        let mut top: Vec<Node> = Vec::new();
        for event in Lexer::new(text) {
            match event {
                Event::Directive(words, line) => {
                    let node = node(words, &file, line, None);
                    let placed = if node.name == "include" && node.args.len() == 1 {
                        self.include(&node, depth, blocks + stack.len())
                    } else {
                        vec![node]
                    };
                    self.place(placed, &mut stack, &mut top, path);
                }
                Event::Open(words, line) => {
                    if words.first().is_some_and(String::is_empty) {
                        self.fault(path, line, "unexpected `{`");
                    }
                    stack.push(node(words, &file, line, Some(Vec::new())));
                }
                Event::Close(line) => match stack.pop() {
                    Some(done) if blocks + stack.len() >= BLOCK_DEPTH => self.fault(
                        path,
                        done.line,
                        &format!("more than {BLOCK_DEPTH} blocks in one another"),
                    ),
                    Some(done) => self.place(vec![done], &mut stack, &mut top, path),
                    None => self.fault(path, line, "unexpected `}`"),
                },
                Event::Fault(line, words) => self.fault(path, line, &words),
            }
        }
        while let Some(done) = stack.pop() {
            self.fault(
                path,
                done.line,
                &format!("the block `{}` is never closed", done.name),
            );
            if blocks + stack.len() < BLOCK_DEPTH {
                self.place(vec![done], &mut stack, &mut top, path);
            }
        }
        top
    }

    fn place(&mut self, nodes: Vec<Node>, stack: &mut [Node], top: &mut Vec<Node>, path: &str) {
        self.nodes += nodes.len();
        if self.nodes > NODES {
            let many = format!("more than {NODES} directives");
            if !self.errors.iter().any(|error| error.ends_with(&many)) {
                self.fault(path, 1, &many);
            }
            return;
        }
        let into = stack.last_mut().and_then(|node| node.block.as_mut());
        into.unwrap_or(top).extend(nodes);
    }

    fn include(&mut self, include: &Node, depth: usize, blocks: usize) -> Vec<Node> {
        let wanted = include.arg(0);
        let pattern = if wanted.starts_with('/') {
            wanted.to_owned()
        } else {
            format!("{}/{wanted}", self.folder)
        };
        if depth >= INCLUDE_DEPTH {
            self.fault(
                &include.file,
                include.line,
                &format!("more than {INCLUDE_DEPTH} includes in one another: {wanted}"),
            );
            return Vec::new();
        }
        let paths = if pattern.contains(['*', '?', '[']) {
            self.files.list(&pattern)
        } else {
            Ok(vec![pattern.clone()])
        };
        let paths = paths.unwrap_or_else(|error| {
            self.fault(
                &include.file,
                include.line,
                &format!("cannot list {pattern}: {error}"),
            );
            Vec::new()
        });
        let mut nodes = Vec::new();
        for path in paths {
            match self.text(&path) {
                Ok(text) => nodes.extend(self.parse(&path, &text, depth + 1, blocks)),
                Err(error) => self.fault(
                    &include.file,
                    include.line,
                    &format!("cannot read {path}: {error}"),
                ),
            }
        }
        nodes
    }
}

fn node(words: Vec<String>, file: &Arc<str>, line: u32, block: Option<Vec<Node>>) -> Node {
    let mut words = words.into_iter();
    Node {
        name: words.next().unwrap_or_default(),
        args: words.collect(),
        file: Arc::clone(file),
        line,
        block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_stand_where_they_are_named_and_keep_their_lines() {
        let config = Config::of_dump(Dump::of(&[
            (
                "/e/nginx.conf",
                "http {\n include conf.d/*.conf;\n include /e/missing;\n}\n}\n",
            ),
            ("/e/conf.d/b.conf", "\nserver { listen 2; }"),
            ("/e/conf.d/a.conf", "server { listen 1; "),
        ]));
        let http = config.http();
        let lines: Vec<String> = http
            .children()
            .iter()
            .map(|node| format!("{} {}", node.name, node.at()))
            .collect();
        assert_eq!(lines, ["server /e/conf.d/a.conf:1", "server /e/conf.d/b.conf:2"]);
        assert_eq!(
            config.errors,
            [
                "/e/conf.d/a.conf:1: the block `server` is never closed",
                "/e/nginx.conf:3: cannot read /e/missing: not in what nginx -T printed",
                "/e/nginx.conf:5: unexpected `}`"
            ]
        );
    }

    #[test]
    fn an_include_of_itself_ends() {
        let config = Config::of_dump(Dump::of(&[("/e/nginx.conf", "a; include nginx.conf; b;")]));
        assert_eq!(config.root.named("a").count(), INCLUDE_DEPTH + 1);
        assert_eq!(config.errors.len(), 1);
        let wide = Config::of_dump(Dump::of(&[(
            "/e/nginx.conf",
            "include nginx.conf; include nginx.conf;",
        )]));
        assert!(
            wide.errors.iter().any(|error| error.contains("512 files")),
            "{:?}",
            wide.errors
        );
    }

    #[test]
    fn depth_is_bounded() {
        let text = "a {".repeat(100_000);
        let config = Config::of_dump(Dump::of(&[("/e/nginx.conf", &text)]));
        assert!(!config.errors.is_empty());
    }
}
