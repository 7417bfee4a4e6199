//! `Sec-WebSocket-Extensions` taken apart (RFC 6455, section 9.1): a list of offers, or no list at all.

use std::borrow::Cow;

/// One extension that a client offers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer<'h> {
    /// Its name.
    pub(super) name: &'h str,
    /// Its parameters in order, with their values if they have one.
    pub(super) parameters: Vec<(&'h str, Option<Cow<'h, str>>)>,
}

/// The offers of a header; empty elements are skipped (RFC 9110, section 5.6.1). `None` when it is out of form.
pub(super) fn offers(header: &str) -> Option<Vec<Offer<'_>>> {
    let mut cursor = Cursor { rest: header };
    let mut offers = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.takes(',') {
            continue;
        }
        if cursor.rest.is_empty() {
            return Some(offers);
        }
        offers.push(cursor.offer()?);
        if !(cursor.rest.is_empty() || cursor.takes(',')) {
            return None;
        }
    }
}

struct Cursor<'h> {
    rest: &'h str,
}

impl<'h> Cursor<'h> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn takes(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn offer(&mut self) -> Option<Offer<'h>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        self.skip_space();
        while self.takes(';') {
            self.skip_space();
            let name = self.token()?;
            self.skip_space();
            let value = if self.takes('=') {
                self.skip_space();
                Some(self.value()?)
            } else {
                None
            };
            parameters.push((name, value));
            self.skip_space();
        }
        Some(Offer { name, parameters })
    }

    fn token(&mut self) -> Option<&'h str> {
        let end = self.rest.find(|letter| !is_of_token(letter));
        let (token, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, quoted or not: what stands in quotes must be one too.
    fn value(&mut self) -> Option<Cow<'h, str>> {
        if !self.takes('"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        let mut letters = self.rest.char_indices();
        loop {
            let (place, letter) = letters.next()?;
            let letter = match letter {
                '"' => {
                    self.rest = self.rest.get(place + 1..)?;
                    return (!value.is_empty()).then_some(Cow::Owned(value));
                }
                '\\' => letters.next()?.1,
                letter => letter,
            };
            if !is_of_token(letter) {
                return None;
            }
            value.push(letter);
        }
    }
}

/// RFC 9110, section 5.6.2.
fn is_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_with_their_parameters() {
        let told = |header| {
            let offers = offers(header)?;
            Some(
                offers
                    .iter()
                    .map(|offer| format!("{} {:?}", offer.name, offer.parameters))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(told(""), Some(vec![]));
        assert_eq!(
            told(" a ,b; c ; d = e;f=\"g\\h\" ,, i"),
            Some(vec![
                "a []".into(),
                r#"b [("c", None), ("d", Some("e")), ("f", Some("gh"))]"#.into(),
                "i []".into(),
            ])
        );
        for wrong in [
            "a;",
            ";a",
            "a;;b",
            "a b",
            "a=b",
            "a; =b",
            "a; b=",
            "a; b=\"c",
            "a; b=\"\"",
            "a; b=\"c d\"",
            "a; b=\"c\\",
            "a; b=c d",
            "ñ",
        ] {
            assert_eq!(offers(wrong), None, "{wrong}");
        }
    }
}
