//! JSON that means the same to everybody who reads it.
//!
//! Two readers may see different things in doubled keys, in numbers beyond a double and in half a
//! surrogate pair, and `__proto__` is a trap for the careless: [`check`] refuses them all, and depth with them.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep objects and arrays may stand in each other.
pub(crate) const MAX_DEPTH: usize = 32;

/// Reads a whole document and keeps nothing of it.
///
/// # Errors
/// The first thing that is no JSON, or that two readers could take differently.
pub fn check(text: &str) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Walk { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()
}

#[derive(Clone, Copy)]
struct Walk {
    depth: usize,
}

impl Walk {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == "__proto__" {
                return Err(A::Error::custom("the key `__proto__` is not allowed"));
            }
            if !seen.insert(key) {
                return Err(A::Error::custom("a key stands twice in an object"));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_or_none() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let cases = [
            (r#"{"a":[1,2.5,null,true,"ñ"],"b":{"a":1}}"#, true),
            (r#""\ud83d\ude00""#, true),
            (r#"{"a":1,"a":2}"#, false),
            (r#"{"b":{"__proto__":{}}}"#, false),
            (r#"[1e309]"#, false),
            (r#""\ud83d""#, false),
            (r#"{"a":1} x"#, false),
            (deep.as_str(), false),
        ];
        for (text, good) in cases {
            assert_eq!(check(text).is_ok(), good, "{}", &text[..text.len().min(40)]);
        }
    }
}
