//! Some hundred words found in one pass, by their first three bytes.
//!
//! A table of bits that fits the first cache says of nearly every place that no word begins there, without waiting for what
//! was said of the place before: an automaton's steps wait for each other, and its tables are larger than that cache.

/// Bytes by which a word is told at first; none is shorter.
const START: usize = 3;
/// Bits of a start's hash: with some hundred words one place in a hundred is looked at in vain.
const BITS: u32 = 15;

/// The words by their starts.
#[derive(Debug)]
pub(super) struct Starts {
    /// One bit for each hash: whether a word has it.
    known: Vec<u64>,
    /// The words of one hash stand together: (hash, word, its number), in order.
    words: Vec<(u32, &'static [u8], u32)>,
}

impl Starts {
    /// Words are numbered as they stand. One that is shorter than three bytes is never found.
    pub(super) fn new(words: Vec<&'static str>) -> Self {
        let mut known = vec![0_u64; 1 << (BITS - 6)];
        let mut sorted: Vec<_> = (0_u32..)
            .zip(words)
            .filter_map(|(number, word)| Some((hash(word.as_bytes())?, word.as_bytes(), number)))
            .collect();
        sorted.sort_unstable();
        for (hash, _, _) in &sorted {
            if let Some(bits) = known.get_mut(place(*hash)) {
                *bits |= 1 << (hash & 63);
            }
        }
        Self { known, words: sorted }
    }

    /// Calls `found` with the number of each word, at each place where it stands.
    pub(super) fn each(&self, text: &[u8], mut found: impl FnMut(u32)) {
        for (at, start) in text.windows(START).enumerate() {
            let Some(hash) = hash(start) else { continue };
            let bits = self.known.get(place(hash)).copied().unwrap_or_default();
            if bits >> (hash & 63) & 1 == 0 {
                continue;
            }
            let rest = text.get(at..).unwrap_or_default();
            let first = self.words.partition_point(|(of, _, _)| *of < hash);
            let same = self.words.iter().skip(first).take_while(|(of, _, _)| *of == hash);
            for (_, word, number) in same {
                if rest.starts_with(word) {
                    found(*number);
                }
            }
        }
    }
}

/// Multiplicative (Knuth, The Art of Computer Programming, 6.4).
#[inline]
fn hash(start: &[u8]) -> Option<u32> {
    let [one, two, three, ..] = start else { return None };
    let key = u32::from_le_bytes([*one, *two, *three, 0]);
    Some(key.wrapping_mul(2_654_435_761) >> (32 - BITS))
}

#[inline]
fn place(hash: u32) -> usize {
    usize::try_from(hash >> 6).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand_also_within_each_other() {
        let starts = Starts::new(vec![
            "WebSocket closed",
            "Socket",
            "WebSocket closed:",
            "abc",
            "\u{21b3} ",
        ]);
        let all = |text: &str| {
            let mut seen = Vec::new();
            starts.each(text.as_bytes(), |word| seen.push(word));
            seen
        };
        assert_eq!(all("x WebSocket closed: abcabc"), [0, 2, 1, 3, 3]);
        assert_eq!(all("\u{21b3} "), [4]);
        for none in ["", "a", "ab", "ab c", "WebSocke"] {
            assert!(all(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn every_word_that_means_something_is_long_enough() {
        use crate::signs::Sign;
        for sign in Sign::ALL {
            for word in sign.patterns().iter().copied().flatten() {
                assert!(word.len() >= START, "{word}");
            }
        }
    }
}
