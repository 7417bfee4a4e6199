//! Python's text as tokens: names, numbers, strings in all their spellings, operators, and where blocks begin and end.
//!
//! It never fails: a byte that begins no token is left out, and a string without an end goes to the end of the file.

/// What a token is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    Number(String),
    /// A string, decoded; more than one piece only for an f-string.
    Text(Vec<Piece>),
    Op(&'static str),
    Newline,
    Indent,
    Dedent,
    End,
}

/// A piece of an f-string.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Code(String),
}

/// A token and its line, counted from 1.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: u32,
}

/// Longest first.
const OPERATORS: [&str; 48] = [
    "**=", "//=", ">>=", "<<=", "...", ":=", "->", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=",
    "|=", "&=", "^=", "@=", "**", "//", "<<", ">>", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<",
    ">", "(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "=", "!",
];

/// Cuts a file into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut cut = Cut {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        depth: 0,
        indents: vec![0],
        out: Vec::new(),
    };
    cut.all();
    cut.out
}

struct Cut<'a> {
    rest: &'a str,
    line: u32,
    /// Brackets that are open: within them lines do not count.
    depth: u32,
    indents: Vec<usize>,
    out: Vec<Token>,
}

impl Cut<'_> {
    fn all(&mut self) {
        self.indentation();
        while let Some(c) = self.rest.chars().next() {
            if c == '\n' {
                self.skip(1);
                self.line += 1;
                if self.depth == 0 {
                    self.newline();
                    self.indentation();
                }
            } else if c.is_whitespace() {
                self.skip(c.len_utf8());
            } else if c == '#' {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.skip(end);
            } else if let Some(rest) = self
                .rest
                .strip_prefix("\\\n")
                .or_else(|| self.rest.strip_prefix("\\\r\n"))
            {
                self.rest = rest;
                self.line += 1;
            } else if let Some((prefix, quote)) = opening(self.rest) {
                self.string(prefix, quote);
            } else if c.is_alphabetic() || c == '_' {
                let end = self
                    .rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(self.rest.len());
                let name = self.take(end).to_owned();
                self.push(Kind::Name(name));
            } else if c.is_ascii_digit()
                || (c == '.' && self.rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()))
            {
                self.number();
            } else {
                self.operator(c);
            }
        }
        self.newline();
        for _ in 1..self.indents.len() {
            self.push(Kind::Dedent);
        }
        self.push(Kind::End);
    }

    fn push(&mut self, kind: Kind) {
        self.out.push(Token {
            kind,
            line: self.line,
        });
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn newline(&mut self) {
        let ended = self
            .out
            .last()
            .is_none_or(|last| matches!(last.kind, Kind::Newline | Kind::Indent | Kind::Dedent));
        if !ended {
            let line = self.line.saturating_sub(1).max(1);
            self.out.push(Token {
                kind: Kind::Newline,
                line,
            });
        }
    }

    /// At the start of a line: blank ones and comments have no indentation.
    fn indentation(&mut self) {
        loop {
            let end = self
                .rest
                .find(|c| c != ' ' && c != '\t')
                .unwrap_or(self.rest.len());
            let (spaces, after) = self.rest.split_at_checked(end).unwrap_or(("", self.rest));
            if let Some(after) = after.strip_prefix('\n').or_else(|| after.strip_prefix("\r\n")) {
                self.rest = after;
                self.line += 1;
                continue;
            }
            if after.starts_with('#') {
                let end = after.find('\n').unwrap_or(after.len());
                self.rest = after.get(end..).unwrap_or_default();
                if self.rest.is_empty() {
                    return;
                }
                continue;
            }
            let width: usize = spaces.chars().map(|c| if c == '\t' { 8 } else { 1 }).sum();
            self.rest = after;
            if !after.is_empty() {
                self.indent_to(width);
            }
            return;
        }
    }

    fn indent_to(&mut self, width: usize) {
        if self.indents.last().is_some_and(|last| width > *last) {
            self.indents.push(width);
            self.push(Kind::Indent);
        }
        while self.indents.last().is_some_and(|last| width < *last) {
            self.indents.pop();
            self.push(Kind::Dedent);
        }
    }

    fn number(&mut self) {
        let mut before = ' ';
        let end = self.rest.find(|c: char| {
            let sign = (c == '+' || c == '-') && matches!(before, 'e' | 'E');
            before = c;
            !(c.is_alphanumeric() || c == '.' || c == '_' || sign)
        });
        let number = self.take(end.unwrap_or(self.rest.len())).replace('_', "");
        self.push(Kind::Number(number));
    }

    fn operator(&mut self, c: char) {
        let Some(operator) = OPERATORS
            .iter()
            .find(|operator| self.rest.starts_with(**operator))
        else {
            self.skip(c.len_utf8());
            return;
        };
        match *operator {
            "(" | "[" | "{" => self.depth += 1,
            ")" | "]" | "}" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.skip(operator.len());
        self.push(Kind::Op(operator));
    }

    fn string(&mut self, prefix: usize, quote: &'static str) {
        let prefix = self.take(prefix).to_ascii_lowercase();
        self.skip(quote.len());
        let (raw, format) = (prefix.contains('r'), prefix.contains('f'));
        let line = self.line;
        let mut text = String::new();
        let mut pieces = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(quote) {
            if quote.len() == 1 && self.rest.starts_with('\n') {
                break;
            }
            if format && (self.rest.starts_with("{{") || self.rest.starts_with("}}")) {
                text.extend(self.take(2).chars().next());
            } else if format && self.rest.starts_with('{') {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Code(self.code()));
            } else {
                self.character(raw, &mut text);
            }
        }
        self.skip(quote.len().min(self.rest.len()));
        pieces.push(Piece::Text(text));
        self.out.push(Token {
            kind: Kind::Text(pieces),
            line,
        });
    }

    /// `{expression!r:format}` of an f-string: the expression.
    fn code(&mut self) -> String {
        let mut depth = 0_u32;
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            match c {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                end = at + c.len_utf8();
                break;
            }
        }
        let whole = self.take(end);
        let code = whole.trim_start_matches('{').trim_end_matches('}');
        let mut depth = 0_u32;
        let cut = code.char_indices().find(|(at, c)| {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            let next = code.get(at + 1..).and_then(|rest| rest.chars().next());
            depth == 0 && (*c == ':' || (*c == '!' && next != Some('=')))
        });
        let code = code.get(..cut.map_or(code.len(), |(at, _)| at)).unwrap_or(code);
        code.to_owned()
    }

    fn character(&mut self, raw: bool, text: &mut String) {
        let mut chars = self.rest.chars();
        let Some(c) = chars.next() else { return };
        self.skip(c.len_utf8());
        if c == '\n' {
            self.line += 1;
        }
        if c != '\\' {
            text.push(c);
            return;
        }
        let Some(next) = chars.next() else { return };
        self.skip(next.len_utf8());
        if next == '\n' {
            self.line += 1;
        }
        if raw {
            text.extend([c, next]);
            return;
        }
        match next {
            '\n' => {}
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            '\\' | '\'' | '"' => text.push(next),
            'x' => self.escaped(2, text),
            'u' => self.escaped(4, text),
            'U' => self.escaped(8, text),
            _ => text.extend([c, next]),
        }
    }

    fn escaped(&mut self, digits: usize, text: &mut String) {
        let code = u32::from_str_radix(self.rest.get(..digits).unwrap_or_default(), 16);
        if let Some(c) = code.ok().and_then(char::from_u32) {
            text.push(c);
            self.skip(digits);
        }
    }
}

/// Whether a string begins here: the length of its prefix, and its quote.
fn opening(text: &str) -> Option<(usize, &'static str)> {
    let prefix = text
        .bytes()
        .take(3)
        .position(|byte| byte == b'"' || byte == b'\'')?;
    let letters = text.get(..prefix)?;
    if !letters.chars().all(|c| "rRbBfFuU".contains(c)) {
        return None;
    }
    let rest = text.get(prefix..)?;
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let quote = quotes.into_iter().find(|quote| rest.starts_with(quote))?;
    Some((prefix, quote))
}
