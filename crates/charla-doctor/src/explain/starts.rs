//! Some hundred words found in one pass, by their first three bytes.
//!
//! A table of bits that fits the first cache says of nearly every place that no word begins there, without waiting for what
//! was said of the place before: an automaton's steps wait for each other, and its tables are larger than that cache.

/// Bytes by which a word is told at first; none is shorter.
const START: usize = 3;
/// Bytes of a word that are compared at once.
const HEAD: usize = size_of::<u64>();
/// Bits of a start's hash: with some hundred words one place in a hundred is looked at in vain.
const BITS: u32 = 15;

/// The words by their starts.
#[derive(Debug)]
pub(super) struct Starts {
    /// For each 64 hashes: one bit for each, whether a word has it, and how many bits stand before these.
    known: Vec<(u64, u32)>,
    /// For each bit, where its words begin; the end of all words behind them.
    begins: Vec<usize>,
    /// The words of one hash stand together.
    words: Vec<Word>,
}

/// One word and its number.
#[derive(Debug)]
struct Word {
    number: u32,
    /// Its first bytes as a number, the first lowest, and the bits that are its own: most places are told apart by them.
    head: u64,
    mask: u64,
    text: &'static [u8],
}

impl Word {
    fn new(text: &'static [u8], number: u32) -> Self {
        let own = text.len().min(HEAD);
        Self {
            number,
            head: head(text),
            mask: u64::MAX >> (8 * (HEAD - own)),
            text,
        }
    }

    /// Whether `rest`, which has that head, begins with it.
    #[inline]
    fn begins(&self, rest: &[u8], of_rest: u64) -> bool {
        (self.head ^ of_rest) & self.mask == 0
            && rest.len() >= self.text.len()
            && (self.text.len() <= HEAD || rest.starts_with(self.text))
    }
}

/// The first bytes as a number; zeros where there are none.
#[inline]
fn head(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text
            .iter()
            .rev()
            .fold(0, |head, byte| head << 8 | u64::from(*byte)),
    }
}

impl Starts {
    /// Words are numbered as they stand. One that is shorter than three bytes is never found.
    pub(super) fn new(words: Vec<&'static str>) -> Self {
        let mut sorted: Vec<_> = (0_u32..)
            .zip(words)
            .filter_map(|(number, word)| Some((hash(word.as_bytes())?, word.as_bytes(), number)))
            .collect();
        sorted.sort_unstable();
        let mut starts = Self {
            known: vec![(0, 0); 1 << (BITS - 6)],
            begins: Vec::new(),
            words: Vec::new(),
        };
        for same in sorted.chunk_by(|one, other| one.0 == other.0) {
            starts.begins.push(starts.words.len());
            starts
                .words
                .extend(same.iter().map(|(_, word, number)| Word::new(word, *number)));
            if let Some((hash, ..)) = same.first()
                && let Some((bits, _)) = starts.known.get_mut(place(*hash))
            {
                *bits |= 1 << (hash & 63);
            }
        }
        starts.begins.push(starts.words.len());
        let mut before = 0;
        for (bits, stand_before) in &mut starts.known {
            *stand_before = before;
            before += bits.count_ones();
        }
        starts
    }

    /// Calls `found` with the number of each word, at each place where it stands.
    pub(super) fn each(&self, text: &[u8], mut found: impl FnMut(u32)) {
        for (at, start) in text.windows(START).enumerate() {
            let Some(hash) = hash(start) else { continue };
            let (bits, before) = self.known.get(place(hash)).copied().unwrap_or_default();
            let bit = 1 << (hash & 63);
            if bits & bit == 0 {
                continue;
            }
            let rest = text.get(at..).unwrap_or_default();
            let of_rest = head(rest);
            for word in self.of(before + (bits & (bit - 1)).count_ones()) {
                if word.begins(rest, of_rest) {
                    found(word.number);
                }
            }
        }
    }

    /// The words of a hash, by its rank among those that are known.
    #[inline]
    fn of(&self, rank: u32) -> &[Word] {
        let rank = usize::try_from(rank).unwrap_or_default();
        match self.begins.get(rank..) {
            Some([first, end, ..]) => self.words.get(*first..*end).unwrap_or_default(),
            Some(_) | None => &[],
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
