//! Words as they are found: without accents and capitals, letters and digits alone.
//!
//! `¿Dónde está el CAFÉ?` has the words `donde`, `esta`, `el` and `cafe`. What is folded here is all that a database sees.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Letters of a word that count; what has more is found by these.
const LETTERS: usize = 40;
/// Words of a question; more would only find less.
const WORDS_MAX: usize = 8;
/// Bytes of a question.
const QUERY_BYTES: usize = 256;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it is found.
    pub folded: String,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
}

/// The words of a text, in their order.
pub fn of(text: &str) -> impl Iterator<Item = Word> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (start, _) = rest.find(|(_, c)| c.is_alphanumeric())?;
            let mut end = text.len();
            while let Some((at, c)) = rest.peek().copied() {
                if !c.is_alphanumeric() && !is_combining_mark(c) {
                    end = at;
                    break;
                }
                rest.next();
            }
            let at = start..end;
            let folded = fold(text.get(at.clone()).unwrap_or_default());
            if !folded.is_empty() {
                return Some(Word { folded, at });
            }
        }
    })
}

fn fold(word: &str) -> String {
    word.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .take(LETTERS)
        .collect()
}

/// A text's words for a database: each once, with spaces between.
#[must_use]
pub fn joined(text: &str) -> String {
    let mut words: Vec<String> = of(text).map(|word| word.folded).collect();
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

/// What somebody looks for: messages with all of these words, the last one as a beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    words: Vec<String>,
    beginning: String,
}

/// Why nothing can be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is too long.
    #[error("`q` has more than {QUERY_BYTES} bytes")]
    TooLong,
    /// It has none, or too many.
    #[error("`q` has to have 1 to {WORDS_MAX} words")]
    Words,
}

impl Query {
    /// Reads what somebody typed.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > QUERY_BYTES {
            return Err(QueryError::TooLong);
        }
        let mut words: Vec<String> = of(text).map(|word| word.folded).collect();
        let beginning = words.pop().ok_or(QueryError::Words)?;
        words.sort_unstable();
        words.dedup();
        if words.len() >= WORDS_MAX {
            return Err(QueryError::Words);
        }
        Ok(Self { words, beginning })
    }

    /// In the language of FTS5. Words are letters and digits: nothing in them can mean anything else.
    #[must_use]
    pub fn for_sqlite(&self) -> String {
        let whole = self.words.iter().map(|word| format!("\"{word}\" AND "));
        whole.chain([format!("\"{}\" *", self.beginning)]).collect()
    }

    /// In the language of PostgreSQL's `tsquery`, among those of a chat.
    #[must_use]
    pub fn for_postgres(&self, chat: i64) -> String {
        let whole = self.words.iter().map(|word| format!(" & '{word}'"));
        let chat = format!("'#{chat}'");
        let beginning = format!(" & '{}':*", self.beginning);
        std::iter::once(chat).chain(whole).chain([beginning]).collect()
    }

    /// Where the words stand in a text: from, and how many, in UTF-16 code units, which is what browsers count in.
    #[must_use]
    pub fn hits(&self, text: &str) -> Vec<[usize; 2]> {
        let wanted =
            |word: &Word| self.words.contains(&word.folded) || word.folded.starts_with(&self.beginning);
        let units = |text: Option<&str>| text.map_or(0, |text| text.encode_utf16().count());
        of(text)
            .filter(wanted)
            .map(|Word { at, .. }| [units(text.get(..at.start)), units(text.get(at))])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_capitals_and_marks_do_not_count() {
        for (text, words) in [
            ("¿Dónde está el CAFÉ?", "cafe donde el esta"),
            // An accent as a character of its own.
            ("cafe\u{301} año", "ano cafe"),
            ("a-b_c 3.14 e'", "14 3 a b c e"),
            ("Straße İstanbul ﬁn", "fin istanbul straße"),
            ("hola hola", "hola"),
            ("¡¿…?! 👋", ""),
            ("日本語 مرحبا", "مرحبا 日本語"),
        ] {
            assert_eq!(joined(text), words, "{text}");
        }
        assert_eq!(joined(&"x".repeat(500)).len(), LETTERS);
    }

    #[test]
    fn a_question_is_words_whatever_is_typed() {
        let query = Query::parse("Él OR \"mañ").unwrap();
        assert_eq!(query.for_sqlite(), "\"el\" AND \"or\" AND \"man\" *");
        assert_eq!(query.for_postgres(7), "'#7' & 'el' & 'or' & 'man':*");
        assert_eq!(Query::parse(" '); -- "), Err(QueryError::Words));
        assert_eq!(Query::parse("1 2 3 4 5 6 7 8 9"), Err(QueryError::Words));
        assert_eq!(Query::parse(&"a".repeat(300)), Err(QueryError::TooLong));
    }

    #[test]
    fn hits_are_counted_as_browsers_count() {
        let query = Query::parse("el caf").unwrap();
        assert_eq!(query.hits("👋 El café, cafe\u{301}s"), [[3, 2], [6, 4], [12, 6]]);
        assert!(query.hits("nada").is_empty());
    }
}
