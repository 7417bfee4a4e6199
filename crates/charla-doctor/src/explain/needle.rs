//! Words that are looked for line after line: what a search needs to know of its word is worked out once, which costs more
//! than a search in a line does.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// One word.
pub(super) type Needle = LazyLock<Finder<'static>>;

/// The searcher of a word, made at its first use.
macro_rules! needle {
    ($word:expr) => {{
        static NEEDLE: $crate::explain::needle::Needle =
            std::sync::LazyLock::new(|| memchr::memmem::Finder::new($word));
        &*NEEDLE
    }};
}

/// Those of several words, likewise.
macro_rules! needles {
    ($($word:expr),+ $(,)?) => {{
        static NEEDLES: std::sync::LazyLock<Vec<memchr::memmem::Finder<'static>>> =
            std::sync::LazyLock::new(|| vec![$(memchr::memmem::Finder::new($word)),+]);
        NEEDLES.as_slice()
    }};
}

pub(super) use {needle, needles};

/// Whether any of some words stands in a text.
pub(super) fn any(text: &[u8], words: &[Finder<'_>]) -> bool {
    words.iter().any(|word| word.find(text).is_some())
}

/// What follows the first place where a word stands.
pub(super) fn after<'a>(text: &'a [u8], word: &Finder<'_>) -> Option<&'a [u8]> {
    text.get(word.find(text)? + word.needle().len()..)
}
