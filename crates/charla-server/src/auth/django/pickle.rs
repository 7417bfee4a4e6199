//! A session as Django's Redis cache keeps it: a pickled dictionary, of which the texts are read and nothing else.
//!
//! Pickles are programs; this runs none of them. What would make an object is a value that says nothing
//! ([`Value::Other`]); the work is bounded by the length of the bytes, and texts are shared, not copied.

use std::sync::Arc;

/// Objects that a pickle may hold at once.
const STACK_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(Arc<str>),
    Dictionary(Vec<(Self, Self)>),
    Other,
    Mark,
}

/// The texts of a pickled dictionary by their names; `None` for what is no such thing, or not understood.
pub(in crate::auth) fn texts(pickled: &[u8]) -> Option<Vec<(Arc<str>, Arc<str>)>> {
    let mut machine = Machine {
        rest: pickled,
        stack: Vec::new(),
        memo: Vec::new(),
    };
    while machine.step()? {}
    let Value::Dictionary(items) = machine.stack.pop()? else {
        return None;
    };
    let text = |item| match item {
        (Value::Text(name), Value::Text(text)) => Some((name, text)),
        _ => None,
    };
    Some(items.into_iter().filter_map(text).collect())
}

struct Machine<'p> {
    rest: &'p [u8],
    stack: Vec<Value>,
    /// By number; only texts are worth remembering.
    memo: Vec<Value>,
}

impl<'p> Machine<'p> {
    fn take(&mut self, bytes: usize) -> Option<&'p [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// A length in so many bytes, the smallest first.
    fn length(&mut self, bytes: usize) -> Option<usize> {
        let length = self.take(bytes)?.iter().rev().try_fold(0_u64, |sum, byte| {
            sum.checked_mul(256)?.checked_add(u64::from(*byte))
        })?;
        usize::try_from(length).ok()
    }

    fn push(&mut self, value: Value) -> Option<()> {
        (self.stack.len() < STACK_MAX).then(|| self.stack.push(value))
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.take(bytes)?;
        self.push(Value::Other)
    }

    fn text(&mut self, length_bytes: usize) -> Option<()> {
        let length = self.length(length_bytes)?;
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        self.push(Value::Text(text.into()))
    }

    /// In place of so many values, one that says nothing.
    fn made_of(&mut self, count: usize) -> Option<()> {
        let left = self.stack.len().checked_sub(count)?;
        self.stack.truncate(left);
        self.push(Value::Other)
    }

    /// What stands above the last mark, which goes too.
    fn above_mark(&mut self) -> Option<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| *value == Value::Mark)?;
        let above = self.stack.split_off(mark + 1);
        self.stack.pop();
        Some(above)
    }

    fn set(&mut self, items: Vec<Value>) -> Option<()> {
        let mut items = items.into_iter();
        let into = self.stack.last_mut()?;
        while let (Some(name), Some(value)) = (items.next(), items.next()) {
            if let Value::Dictionary(entries) = into {
                entries.push((name, value));
            }
        }
        Some(())
    }

    fn remember(&mut self, at: usize) -> Option<()> {
        let known = match self.stack.last()? {
            Value::Text(text) => Value::Text(Arc::clone(text)),
            Value::Dictionary(_) | Value::Other | Value::Mark => Value::Other,
        };
        if at >= STACK_MAX {
            return None;
        }
        if self.memo.len() <= at {
            self.memo.resize(at + 1, Value::Other);
        }
        *self.memo.get_mut(at)? = known;
        Some(())
    }

    fn recall(&mut self, at: usize) -> Option<()> {
        let known = self.memo.get(at)?.clone();
        self.push(known)
    }

    /// Carries out one instruction; false at the end. The letters are those of Python's `pickletools`.
    fn step(&mut self) -> Option<bool> {
        let [code] = *self.take(1)? else { return None };
        match code {
            b'.' => return Some(false),
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            b'}' => self.push(Value::Dictionary(Vec::new())),
            b'(' => self.push(Value::Mark),
            0x8c => self.text(1),
            b'X' => self.text(4),
            0x8d => self.text(8),
            b'N' | 0x88 | 0x89 | b']' | b')' | 0x8f => self.push(Value::Other),
            b'K' => self.skip(1),
            b'M' => self.skip(2),
            b'J' => self.skip(4),
            b'G' => self.skip(8),
            0x8a | b'C' => self.length(1).and_then(|length| self.skip(length)),
            b'B' | 0x8b => self.length(4).and_then(|length| self.skip(length)),
            0x94 => self.remember(self.memo.len()),
            b'q' => self.length(1).and_then(|at| self.remember(at)),
            b'r' => self.length(4).and_then(|at| self.remember(at)),
            b'h' => self.length(1).and_then(|at| self.recall(at)),
            b'j' => self.length(4).and_then(|at| self.recall(at)),
            b's' => {
                let (value, name) = (self.stack.pop()?, self.stack.pop()?);
                self.set(vec![name, value])
            }
            b'u' => self.above_mark().and_then(|items| self.set(items)),
            b'a' | b'b' => self.stack.pop().map(drop),
            b'e' | 0x90 => self.above_mark().map(drop),
            b't' | 0x91 => self.above_mark().and_then(|_| self.push(Value::Other)),
            0x85 => self.made_of(1),
            // A pair; a class by its name; an object of a class and its arguments.
            0x86 | 0x93 | b'R' | 0x81 => self.made_of(2),
            0x87 => self.made_of(3),
            _ => None,
        }?;
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pickled: &[u8]) -> Option<Vec<(String, String)>> {
        let texts = texts(pickled)?.into_iter();
        Some(
            texts
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect(),
        )
    }

    #[test]
    fn texts_are_read_and_nothing_is_run() {
        // pickle.dumps({"_auth_user_id": "1", "n": 5}, protocol=5)
        let plain =
            b"\x80\x05\x95\x1d\0\0\0\0\0\0\0}\x94(\x8c\x0d_auth_user_id\x94\x8c\x011\x94\x8c\x01n\x94K\x05u.";
        assert_eq!(read(plain), Some(vec![("_auth_user_id".into(), "1".into())]));
        // {"a": os.system("x"), "b": "y"}: an object that would be made is no text.
        let evil = b"\x80\x05}(\x8c\x01a\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R\x8c\x01b\x8c\x01yu.";
        assert_eq!(read(evil), Some(vec![("b".into(), "y".into())]));
    }

    #[test]
    fn what_is_cut_or_unknown_is_none() {
        for bad in [
            &b""[..],
            b"\x80\x05}",
            b"\x80\x05\x8c\xff.",
            b"cposix\nsystem\n.",
            b"\x80\x05u.",
            b"\x80\x05j\xff\xff\xff\xff.",
            b"\x80\x05}r\xff\xff\xff\xff.",
            b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
