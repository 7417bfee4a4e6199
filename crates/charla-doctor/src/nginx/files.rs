//! Where the configuration's text comes from: whatever implements [`Files`], or what `nginx -T` printed.

use std::collections::BTreeMap;

/// The files below an nginx' configuration.
pub trait Files {
    /// The whole text of a file, or why it cannot be had.
    ///
    /// # Errors
    /// The system's words.
    fn read(&mut self, path: &str) -> Result<String, String>;

    /// The paths that a pattern of `include` stands for, sorted as glob(3) sorts them; none is not an error.
    ///
    /// # Errors
    /// The system's words, where a folder cannot be listed.
    fn list(&mut self, pattern: &str) -> Result<Vec<String>, String>;
}

/// What `nginx -T` printed: every file after a line `# configuration file /etc/nginx/nginx.conf:`.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    /// The main file, which comes first.
    pub main: String,
    files: BTreeMap<String, String>,
}

impl Dump {
    /// None where no file is named in the text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut dump = Self::default();
        let mut current: Option<(String, String)> = None;
        for line in text.split_inclusive('\n') {
            if let Some(path) = heading(line) {
                if let Some((path, text)) = current.take() {
                    dump.files.entry(path).or_insert(text);
                }
                if dump.main.is_empty() {
                    path.clone_into(&mut dump.main);
                }
                current = Some((path.to_owned(), String::new()));
            } else if let Some((_, text)) = &mut current {
                text.push_str(line);
            }
        }
        let (path, text) = current?;
        dump.files.entry(path).or_insert(text);
        Some(dump)
    }

    /// Files in it, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// From files at hand.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let main = files.first().map(|(path, _)| (*path).to_owned());
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self {
            main: main.unwrap_or_default(),
            files: files.collect(),
        }
    }
}

impl Files for Dump {
    fn read(&mut self, path: &str) -> Result<String, String> {
        let text = self.files.get(path).cloned();
        text.ok_or_else(|| "not in what nginx -T printed".to_owned())
    }

    fn list(&mut self, pattern: &str) -> Result<Vec<String>, String> {
        let paths = self.files.keys().filter(|path| matches_glob(pattern, path));
        Ok(paths.cloned().collect())
    }
}

fn heading(line: &str) -> Option<&str> {
    let path = line
        .trim_end()
        .strip_prefix("# configuration file ")?
        .strip_suffix(':')?;
    path.starts_with('/').then_some(path)
}

/// glob(3) without flags: `*`, `?`, `[a-z]`, `[!a]`; a slash and a leading dot are matched by themselves only.
#[must_use]
pub fn matches_glob(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    pattern.matches('/').count() == path.matches('/').count()
        && patterns.zip(parts).all(|(pattern, part)| {
            let hidden = part.starts_with('.') && !pattern.starts_with('.');
            let (pattern, part): (Vec<char>, Vec<char>) = (pattern.chars().collect(), part.chars().collect());
            !hidden && matches_part(&pattern, &part)
        })
}

/// Linear but for one point of return: the last `*`.
fn matches_part(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while from < text.len() {
        let one = match pattern.get(at) {
            Some('*') => {
                back = Some((at, from));
                at += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(pattern.get(at..).unwrap_or_default(), text.get(from).copied()),
            Some(literal) => (Some(literal) == text.get(from)).then_some(1),
            None => None,
        };
        match (one, back) {
            (Some(length), _) => {
                at += length;
                from += 1;
            }
            (None, Some((star, start))) => {
                back = Some((star, start + 1));
                at = star + 1;
                from = start + 1;
            }
            (None, None) => return false,
        }
    }
    pattern
        .get(at..)
        .is_none_or(|rest| rest.iter().all(|char| *char == '*'))
}

/// The length of the class that the pattern begins with, where the character is in it.
fn class(pattern: &[char], char: Option<char>) -> Option<usize> {
    let char = char?;
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|char| *char == ']')?;
    let inner = pattern.get(first..end)?;
    let mut found = false;
    let mut at = 0;
    while let Some(low) = inner.get(at) {
        match (inner.get(at + 1), inner.get(at + 2)) {
            (Some('-'), Some(high)) => {
                found |= (*low..=*high).contains(&char);
                at += 3;
            }
            _ => {
                found |= *low == char;
                at += 1;
            }
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, path, expected) in [
            ("/e/*.conf", "/e/a.conf", true),
            ("/e/*.conf", "/e/.a.conf", false),
            ("/e/*.conf", "/e/x/a.conf", false),
            ("/e/*/a", "/e/x/a", true),
            ("/e/a?c", "/e/abc", true),
            ("/e/[a-c]x", "/e/bx", true),
            ("/e/[!a-c]x", "/e/bx", false),
            ("/e/*a*b*", "/e/xxaxxbxx", true),
            ("/e/*a*b", "/e/xxaxxbxx", false),
            ("/e/*", "/e/", true),
            ("/e/[", "/e/[", false),
        ] {
            assert_eq!(matches_glob(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_dump_is_split_at_its_headings() {
        let dump = Dump::parse("nginx: syntax is ok\n# configuration file /e/nginx.conf:\na;\n\n# configuration file /e/b.conf:\nb;\n").unwrap();
        assert_eq!(dump.main, "/e/nginx.conf");
        assert_eq!(
            dump.iter().collect::<Vec<_>>(),
            [("/e/b.conf", "b;\n"), ("/e/nginx.conf", "a;\n\n")]
        );
        assert!(Dump::parse("nothing").is_none());
    }
}
