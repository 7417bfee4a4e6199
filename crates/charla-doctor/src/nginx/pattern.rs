//! Regular expressions, as far as PCRE's can be evaluated without PCRE.

use regex::bytes::{Regex, RegexBuilder};

/// A compiled pattern is dropped above so many bytes.
const SIZE: usize = 1 << 20;

/// A regular expression that is understood here: no look-around, no back-references.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

/// What the groups of a match hold: by number from 1, and by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Captures {
    pub(super) numbered: Vec<String>,
    pub(super) named: Vec<(String, String)>,
}

impl Pattern {
    pub(super) fn new(text: &str, ignore_case: bool) -> Option<Self> {
        let mut builder = RegexBuilder::new(text);
        builder
            .unicode(false)
            .case_insensitive(ignore_case)
            .size_limit(SIZE);
        builder.build().ok().map(Self)
    }

    pub(super) fn captures(&self, text: &str) -> Option<Captures> {
        let found = self.0.captures(text.as_bytes())?;
        let group = |index| {
            let bytes = found.get(index).map_or(&b""[..], |group| group.as_bytes());
            String::from_utf8_lossy(bytes).into_owned()
        };
        let names = self.0.capture_names().enumerate();
        Some(Captures {
            numbered: (1..found.len()).map(group).collect(),
            named: names
                .filter_map(|(index, name)| Some((name?.to_owned(), group(index))))
                .collect(),
        })
    }
}
