//! A settings file as it is written: keys, what they were read from, and what only its reader can know.

use std::fmt::Write as _;
use std::path::Path;

use charla_wire::Lang;

/// Columns of a comment.
const WIDTH: usize = 110;

/// How a part of the project came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Read.
    Found,
    /// Something is left to fill in.
    Open,
    /// There is none.
    Absent,
}

/// A row of the summary.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) state: State,
    pub(super) detail: String,
}

/// The file so far.
#[derive(Debug)]
pub(super) struct Paper<'p> {
    pub(super) lang: Lang,
    root: &'p Path,
    out: String,
    /// Things that could not be told.
    pub(super) questions: usize,
    /// Variables that the start needs.
    pub(super) variables: Vec<(String, String)>,
    /// Files that have to be there first, with what they hold.
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) rows: Vec<Row>,
}

impl<'p> Paper<'p> {
    pub(super) fn new(lang: Lang, root: &'p Path) -> Self {
        Self {
            lang,
            root,
            out: String::new(),
            questions: 0,
            variables: Vec::new(),
            files: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// `file:line` from the project's folder on.
    pub(super) fn place(&self, at: &str) -> String {
        let root = format!("{}/", self.root.display());
        at.replace(&root, "")
    }

    pub(super) fn section(&mut self, name: &str) {
        let gap = if self.out.is_empty() { "" } else { "\n" };
        self.push(&format!("{gap}[{name}]"));
    }

    /// Another entry of a list.
    pub(super) fn entry(&mut self, name: &str) {
        self.push(&format!("\n[[{name}]]"));
    }

    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    /// What was read, and where.
    pub(super) fn note(&mut self, text: &str) {
        self.comment("# ", text);
    }

    /// What could not be told.
    pub(super) fn ask(&mut self, text: &str) {
        self.questions += 1;
        self.comment("# ? ", text);
    }

    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.push(&format!("{key} = {value}"));
    }

    /// A key for its reader to fill in, or to switch on.
    pub(super) fn idle(&mut self, key: &str, value: &str) {
        for line in format!("{key} = {value}").lines() {
            self.push(&format!("# {line}"));
        }
    }

    pub(super) fn row(&mut self, what: String, state: State, detail: impl Into<String>) {
        let detail = detail.into();
        self.rows.push(Row { what, state, detail });
    }

    pub(super) fn finish(self) -> (String, Vec<Row>) {
        (self.out, self.rows)
    }

    fn push(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn comment(&mut self, mark: &str, text: &str) {
        let mut line = mark.to_owned();
        let mut begun = false;
        for word in text.split_whitespace() {
            if begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
                let full = std::mem::replace(&mut line, "# ".into());
                self.push(&full);
                begun = false;
            }
            if begun {
                line.push(' ');
            }
            line.push_str(word);
            begun = true;
        }
        self.push(&line);
    }
}

/// A string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A list of strings.
pub(super) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// A text of several lines, as it is.
pub(super) fn block(text: &str) -> String {
    if text.contains("'''") {
        return quoted(text);
    }
    format!("'''\n{text}'''")
}
