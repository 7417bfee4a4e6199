//! A file that belongs to a message, as messages name it: [`Attachment`]. The file itself never comes by here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Characters of a file's name that are kept.
pub const NAME_MAX: usize = 120;
/// What a file is called whose name has nothing in it that can be shown.
pub const NAMELESS: &str = "file";
/// Bytes of a media type: both halves of RFC 6838, section 4.2, and the slash.
pub const MEDIA_TYPE_MAX: usize = 127 + 1 + 127;

/// A file that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The server's id of it.
    pub id: Uuid,
    /// What it is called, cleaned: see [`clean_name`].
    pub name: Arc<str>,
    /// Its media type, without parameters.
    #[serde(rename = "type")]
    pub media_type: Arc<str>,
    /// How long it is.
    pub bytes: u64,
}

/// A name that can be shown and saved under: its last part, without control characters, without those that turn the
/// direction of writing, without what file systems have a use of their own for, and not longer than [`NAME_MAX`].
#[must_use]
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = last.chars().filter(|c| !is_unseen(*c)).map(|c| match c {
        '"' | '*' | ':' | '<' | '>' | '?' | '|' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    });
    let shown: String = shown.collect();
    // Neither hidden, nor "." nor "..", nor with an end that Windows leaves out.
    let shown = shown.trim_start_matches(['.', ' ']).trim_end_matches(['.', ' ']);
    if shown.is_empty() {
        return NAMELESS.to_owned();
    }
    shorten(shown)
}

/// Cuts a name to [`NAME_MAX`] characters, before its extension where that is short.
fn shorten(name: &str) -> String {
    let over = name.chars().count().saturating_sub(NAME_MAX);
    if over == 0 {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, Some(extension)),
        Some(_) | None => (name, None),
    };
    let kept: String = stem
        .chars()
        .take(stem.chars().count().saturating_sub(over))
        .collect();
    match extension {
        Some(extension) => format!("{kept}.{extension}"),
        None => kept,
    }
}

/// Control characters, line and paragraph ends, and what has no width or turns the direction of writing (as in
/// `invoice\u{202e}fdp.exe`).
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// A media type in small letters, without parameters; `None` for what is none (RFC 6838, section 4.2).
#[must_use]
pub fn media_type(text: &str) -> Option<String> {
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let word = |word: &str| {
        (1..=127).contains(&word.len())
            && word.starts_with(|c: char| c.is_ascii_alphanumeric())
            && word
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c))
    };
    (word(kind) && word(subtype)).then_some(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cleaned() {
        let long = "x".repeat(300);
        for (given, kept) in [
            ("factura.pdf", "factura.pdf"),
            ("año 2026.png", "año 2026.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            (".htaccess", "htaccess"),
            ("..", "file"),
            ("", "file"),
            (" . . ", "file"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("a\"b<c>:d?.txt", "a_b_c__d_.txt"),
            ("a\u{a0}b", "a b"),
            ("x/", "file"),
        ] {
            assert_eq!(clean_name(given), kept, "{given:?}");
        }
        let kept = clean_name(&format!("{long}.pdf"));
        assert_eq!(kept.chars().count(), NAME_MAX);
        assert!(kept.ends_with("x.pdf"));
        assert_eq!(clean_name(&"ñ".repeat(300)).chars().count(), NAME_MAX);
        for name in ["factura.pdf", &kept] {
            assert_eq!(clean_name(name), name, "clean is clean");
        }
    }

    #[test]
    fn a_media_type_is_two_words() {
        for (given, read) in [
            ("image/png", Some("image/png")),
            (" Text/Plain; charset=utf-8", Some("text/plain")),
            (
                "application/vnd.ms-excel.sheet.macroEnabled.12",
                Some("application/vnd.ms-excel.sheet.macroenabled.12"),
            ),
            ("", None),
            ("image", None),
            ("image/", None),
            ("/png", None),
            ("image/png/x", None),
            ("image/p ng", None),
            ("image/png\r\nx: y", None),
            ("*/*", None),
        ] {
            assert_eq!(media_type(given).as_deref(), read, "{given:?}");
        }
        assert!(media_type(&format!("a/{}", "b".repeat(128))).is_none());
        let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
        assert_eq!(media_type(&longest).map(|read| read.len()), Some(MEDIA_TYPE_MAX));
    }
}
