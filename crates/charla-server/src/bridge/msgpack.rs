//! `MessagePack` (the specification at msgpack.org), as far as it can be said in JSON: what `msgpack.packb` writes, and
//! what `msgpack.unpackb` reads.
//!
//! What comes in is bounded in depth and, by its own bytes, in size. Binary strings are taken where they are text; times and
//! other extensions, numbers that are none, and keys that are no text are refused.

use serde_json::{Map, Number, Value};

/// How deep maps and lists may stand in each other; a client's JSON may be as deep.
const DEPTH_MAX: usize = 32;

/// These bytes are no `MessagePack`, or nothing that JSON has a word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads one map and nothing after it; and whether its head is the long one that only [`write`] gives to a short map.
pub(crate) fn read(bytes: &[u8]) -> Result<(Map<String, Value>, bool), Malformed> {
    let mut reader = Reader { bytes };
    let is_marked = bytes.first() == Some(&0xdf);
    match reader.value(0)? {
        Value::Object(map) if reader.bytes.is_empty() => {
            let is_short = map.len() < 0x1_0000;
            Ok((map, is_marked && is_short))
        }
        Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => Err(Malformed),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    /// A length of 1, 2 or 4 bytes.
    fn length(&mut self, width: u8) -> Result<usize, Malformed> {
        let length = match width {
            0 => u32::from(u8::from_be_bytes(self.array()?)),
            1 => u32::from(u16::from_be_bytes(self.array()?)),
            _ => u32::from_be_bytes(self.array()?),
        };
        usize::try_from(length).map_err(|_| Malformed)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        let [head] = self.array()?;
        Ok(match head {
            0x00..=0x7f => head.into(),
            0x80..=0x8f => self.map(usize::from(head & 0x0f), depth)?,
            0x90..=0x9f => self.list(usize::from(head & 0x0f), depth)?,
            0xa0..=0xbf => self.text(usize::from(head & 0x1f))?.into(),
            0xc0 => Value::Null,
            0xc2 | 0xc3 => (head == 0xc3).into(),
            0xc4..=0xc6 => {
                let length = self.length(head - 0xc4)?;
                self.text(length)?.into()
            }
            0xca => number(f64::from(f32::from_be_bytes(self.array()?)))?,
            0xcb => number(f64::from_be_bytes(self.array()?))?,
            0xcc => u8::from_be_bytes(self.array()?).into(),
            0xcd => u16::from_be_bytes(self.array()?).into(),
            0xce => u32::from_be_bytes(self.array()?).into(),
            0xcf => u64::from_be_bytes(self.array()?).into(),
            0xd0 => i8::from_be_bytes(self.array()?).into(),
            0xd1 => i16::from_be_bytes(self.array()?).into(),
            0xd2 => i32::from_be_bytes(self.array()?).into(),
            0xd3 => i64::from_be_bytes(self.array()?).into(),
            0xd9..=0xdb => {
                let length = self.length(head - 0xd9)?;
                self.text(length)?.into()
            }
            0xdc | 0xdd => {
                let length = self.length(head - 0xdc + 1)?;
                self.list(length, depth)?
            }
            0xde | 0xdf => {
                let length = self.length(head - 0xde + 1)?;
                self.map(length, depth)?
            }
            0xe0..=0xff => i8::from_be_bytes([head]).into(),
            // Never used, and extensions.
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => return Err(Malformed),
        })
    }

    fn text(&mut self, length: usize) -> Result<String, Malformed> {
        let text = std::str::from_utf8(self.take(length)?);
        text.map(str::to_owned).map_err(|_| Malformed)
    }

    fn list(&mut self, length: usize, depth: usize) -> Result<Value, Malformed> {
        self.check(length, depth)?;
        (0..length).map(|_| self.value(depth + 1)).collect()
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, Malformed> {
        self.check(length, depth)?;
        let mut map = Map::new();
        for _ in 0..length {
            let Value::String(key) = self.value(depth + 1)? else {
                return Err(Malformed);
            };
            map.insert(key, self.value(depth + 1)?);
        }
        Ok(map.into())
    }

    /// No more values than there are bytes, and no deeper than is allowed.
    fn check(&self, length: usize, depth: usize) -> Result<(), Malformed> {
        if depth >= DEPTH_MAX || length > self.bytes.len() {
            return Err(Malformed);
        }
        Ok(())
    }
}

fn number(float: f64) -> Result<Value, Malformed> {
    Number::from_f64(float).map(Value::Number).ok_or(Malformed)
}

/// Writes a map as `msgpack.packb` would; `marked`: with a head that it never gives to a map of this size, and that every
/// reader takes.
pub(crate) fn write(map: &Map<String, Value>, marked: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    if marked {
        bytes.push(0xdf);
        bytes.extend_from_slice(&size(map.len()).to_be_bytes());
        put_pairs(&mut bytes, map);
    } else {
        put_map(&mut bytes, map);
    }
    bytes
}

/// What is longer than four bytes can say is longer than memory.
fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The head of something with a length, in its shortest form: `fixed` with up to `fixed_max` in it, else `wide` and those after it
/// with 1 (where `has_byte`), 2 or 4 bytes.
fn put_head(into: &mut Vec<u8>, length: usize, (fixed, fixed_max): (u8, u8), wide: u8, has_byte: bool) {
    let next = u8::from(has_byte);
    let length = size(length);
    if let Ok(byte) = u8::try_from(length) {
        if byte <= fixed_max {
            into.push(fixed | byte);
            return;
        }
        if has_byte {
            into.extend_from_slice(&[wide, byte]);
            return;
        }
    }
    if let Ok(two) = u16::try_from(length) {
        into.push(wide + next);
        into.extend_from_slice(&two.to_be_bytes());
    } else {
        into.push(wide + next + 1);
        into.extend_from_slice(&length.to_be_bytes());
    }
}

fn put_map(into: &mut Vec<u8>, map: &Map<String, Value>) {
    put_head(into, map.len(), (0x80, 15), 0xde, false);
    put_pairs(into, map);
}

fn put_pairs(into: &mut Vec<u8>, map: &Map<String, Value>) {
    for (key, value) in map {
        put_text(into, key);
        put(into, value);
    }
}

fn put_text(into: &mut Vec<u8>, text: &str) {
    put_head(into, text.len(), (0xa0, 31), 0xd9, true);
    into.extend_from_slice(text.as_bytes());
}

fn put(into: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => into.push(0xc0),
        Value::Bool(flag) => into.push(0xc2 | u8::from(*flag)),
        Value::Number(number) => put_number(into, number),
        Value::String(text) => put_text(into, text),
        Value::Array(list) => {
            put_head(into, list.len(), (0x90, 15), 0xdc, false);
            for item in list {
                put(into, item);
            }
        }
        Value::Object(map) => put_map(into, map),
    }
}

fn put_number(into: &mut Vec<u8>, number: &Number) {
    if let Some(count) = number.as_u64() {
        if let Ok(byte) = u8::try_from(count) {
            if byte > 0x7f {
                into.push(0xcc);
            }
            into.push(byte);
        } else if let Ok(two) = u16::try_from(count) {
            into.push(0xcd);
            into.extend_from_slice(&two.to_be_bytes());
        } else if let Ok(four) = u32::try_from(count) {
            into.push(0xce);
            into.extend_from_slice(&four.to_be_bytes());
        } else {
            into.push(0xcf);
            into.extend_from_slice(&count.to_be_bytes());
        }
    } else if let Some(below) = number.as_i64() {
        if let Ok(byte) = i8::try_from(below) {
            if byte < -32 {
                into.push(0xd0);
            }
            into.extend_from_slice(&byte.to_be_bytes());
        } else if let Ok(two) = i16::try_from(below) {
            into.push(0xd1);
            into.extend_from_slice(&two.to_be_bytes());
        } else if let Ok(four) = i32::try_from(below) {
            into.push(0xd2);
            into.extend_from_slice(&four.to_be_bytes());
        } else {
            into.push(0xd3);
            into.extend_from_slice(&below.to_be_bytes());
        }
    } else {
        into.push(0xcb);
        into.extend_from_slice(&number.as_f64().unwrap_or(0.0).to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
