//! From bytes to directives: quotes, escapes, comments, braces, and Lua blocks that are skipped.
//!
//! Follows `ngx_conf_read_token`: a word ends at white space, `;` or `{`; `${name}` keeps its brace; a backslash takes
//! the special meaning from a quote or another backslash and stays before anything else.

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// `name args;`.
    Directive(Vec<String>, u32),
    /// `name args {`.
    Open(Vec<String>, u32),
    /// `}`.
    Close(u32),
    /// Something that nginx would not start with.
    Fault(u32, String),
}

/// Reads one file.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

enum Word {
    Text(String),
    End,
    Open,
    Close,
    Eof,
    Fault(String),
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            bytes: text.as_bytes(),
            at: 0,
            line: 1,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(byte)
    }

    fn word(&mut self) -> Word {
        loop {
            let Some(byte) = self.peek() else { return Word::Eof };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    self.next_byte();
                }
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.next_byte();
                    }
                }
                b';' => {
                    self.next_byte();
                    return Word::End;
                }
                b'{' => {
                    self.next_byte();
                    return Word::Open;
                }
                b'}' => {
                    self.next_byte();
                    return Word::Close;
                }
                quote @ (b'"' | b'\'') => {
                    self.next_byte();
                    return self.quoted(quote);
                }
                _ => return self.bare(),
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Word {
        let begun = self.line;
        let mut text = Vec::new();
        loop {
            match self.next_byte() {
                None => return Word::Fault(format!("a quote opened in line {begun} is never closed")),
                Some(b'\\') => self.escape(&mut text),
                Some(byte) if byte == quote => break,
                Some(byte) => text.push(byte),
            }
        }
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{') => {}
            Some(b')') => {
                // `if ($a = "b")`: nginx takes the bracket as a word of its own.
            }
            Some(_) => {
                let rest = self.bare();
                let rest = if let Word::Text(rest) = rest {
                    rest
                } else {
                    String::new()
                };
                return Word::Fault(format!("unexpected `{rest}` after a closing quote"));
            }
        }
        Word::Text(String::from_utf8_lossy(&text).into_owned())
    }

    fn bare(&mut self) -> Word {
        let mut text = Vec::new();
        let mut after_dollar = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' if after_dollar => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                _ => {}
            }
            self.next_byte();
            after_dollar = byte == b'$';
            if byte == b'\\' {
                self.escape(&mut text);
            } else {
                text.push(byte);
            }
        }
        Word::Text(String::from_utf8_lossy(&text).into_owned())
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        match self.next_byte() {
            Some(byte @ (b'"' | b'\'' | b'\\')) => text.push(byte),
            Some(b't') => text.push(b'\t'),
            Some(b'r') => text.push(b'\r'),
            Some(b'n') => text.push(b'\n'),
            Some(other) => text.extend([b'\\', other]),
            None => text.push(b'\\'),
        }
    }

    /// To the brace that closes a block of Lua: braces in its strings and comments do not count.
    fn skip_lua(&mut self) -> bool {
        let mut depth = 1_u32;
        while let Some(byte) = self.next_byte() {
            match byte {
                b'{' => depth = depth.saturating_add(1),
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        return true;
                    }
                }
                quote @ (b'"' | b'\'') => {
                    while let Some(inner) = self.next_byte() {
                        if inner == b'\\' {
                            self.next_byte();
                        } else if inner == quote || inner == b'\n' {
                            break;
                        }
                    }
                }
                b'-' if self.peek() == Some(b'-') => {
                    self.next_byte();
                    if !self.skip_long_bracket() {
                        while self.peek().is_some_and(|byte| byte != b'\n') {
                            self.next_byte();
                        }
                    }
                }
                b'[' => {
                    self.at -= 1;
                    if !self.skip_long_bracket() {
                        self.at += 1;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// `[[ ... ]]`, `[==[ ... ]==]`; false where none begins here.
    fn skip_long_bracket(&mut self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(inner) = rest.strip_prefix(b"[") else {
            return false;
        };
        let level = inner.iter().take_while(|byte| **byte == b'=').count();
        if inner.get(level) != Some(&b'[') {
            return false;
        }
        let mut end = vec![b']'];
        end.extend(std::iter::repeat_n(b'=', level));
        end.push(b']');
        let length = memchr::memmem::find(rest, &end).map_or(rest.len(), |found| found + end.len());
        for _ in 0..length {
            self.next_byte();
        }
        true
    }
}

impl Iterator for Lexer<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut words: Vec<String> = Vec::new();
        let mut begun = self.line;
        loop {
            match self.word() {
                Word::Text(text) => {
                    if words.is_empty() {
                        begun = self.line;
                    }
                    words.push(text);
                }
                Word::End if words.is_empty() => {
                    return Some(Event::Fault(self.line, "unexpected `;`".to_owned()));
                }
                Word::End => return Some(Event::Directive(words, begun)),
                Word::Open if words.is_empty() => return Some(Event::Open(vec![String::new()], self.line)),
                Word::Open => {
                    let lua = words.first().is_some_and(|name| name.ends_with("_by_lua_block"));
                    if !lua {
                        return Some(Event::Open(words, begun));
                    }
                    if self.skip_lua() {
                        return Some(Event::Directive(words, begun));
                    }
                    return Some(Event::Fault(begun, "a block of Lua is never closed".to_owned()));
                }
                Word::Close if words.is_empty() => return Some(Event::Close(self.line)),
                Word::Close => {
                    // What was begun lacks its semicolon; the block is closed all the same.
                    self.at -= 1;
                    let words = words.join(" ");
                    return Some(Event::Fault(
                        begun,
                        format!("`{}` is not ended by `;`", clip(&words)),
                    ));
                }
                Word::Eof if words.is_empty() => return None,
                Word::Eof => {
                    let words = words.join(" ");
                    return Some(Event::Fault(
                        begun,
                        format!("`{}` is not ended by `;`", clip(&words)),
                    ));
                }
                Word::Fault(text) => return Some(Event::Fault(self.line, text)),
            }
        }
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Event> {
        Lexer::new(text).collect()
    }

    fn directive(words: &[&str], line: u32) -> Event {
        Event::Directive(words.iter().map(|word| (*word).to_owned()).collect(), line)
    }

    #[test]
    fn quotes_escapes_comments_and_braces() {
        for (text, expected) in [
            ("a b;", directive(&["a", "b"], 1)),
            ("# no\na  'b c' \"d;{\" ;", directive(&["a", "b c", "d;{"], 2)),
            ("a \\;b;", directive(&["a", "\\;b"], 1)),
            (r#"a ~ \.php$ "\"";"#, directive(&["a", "~", "\\.php$", "\""], 1)),
            ("a ${b}c;", directive(&["a", "${b}c"], 1)),
            ("a b#c;", directive(&["a", "b#c"], 1)),
            ("a '';", directive(&["a", ""], 1)),
            ("if ($a = \"b\");", directive(&["if", "($a", "=", "b", ")"], 1)),
            (
                "x_by_lua_block { if a then b = { '}' } end -- }\n--[[ } ]] c = [==[ } ]==] }",
                directive(&["x_by_lua_block"], 1),
            ),
        ] {
            assert_eq!(words(text), [expected], "{text}");
        }
    }

    #[test]
    fn faults_do_not_stop_the_rest() {
        let seen = words("a b } c; ; \"d\"e; f g;");
        assert!(
            matches!(&seen[0], Event::Fault(1, text) if text.contains("a b")),
            "{seen:?}"
        );
        assert!(
            seen.contains(&Event::Close(1))
                && seen.contains(&directive(&["c"], 1))
                && seen.contains(&directive(&["f", "g"], 1)),
            "{seen:?}"
        );
        assert!(matches!(words("a 'b").last(), Some(Event::Fault(..))));
    }
}
