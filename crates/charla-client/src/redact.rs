//! Texts made fit to be shown: no token in them, wherever it stood.

/// What stands for a token.
const REDACTED: &str = "***";
/// Parameters whose values are secrets.
const SECRET: [&str; 5] = ["token", "ticket", "access", "refresh", "password"];

/// The text with every token taken out: values of `token=` and its like, `Bearer ...`, `bearer....`, and whatever has the
/// shape of a JWT.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let mut after_bearer = false;
    for c in text.chars().map(Some).chain([None]) {
        if let Some(c) = c
            && !is_boundary(c)
        {
            word.push(c);
            continue;
        }
        if after_bearer && !word.is_empty() {
            out.push_str(REDACTED);
            after_bearer = false;
        } else {
            after_bearer = word.eq_ignore_ascii_case("bearer");
            push_word(&mut out, &word);
        }
        word.clear();
        out.extend(c);
    }
    out
}

fn is_boundary(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '?' | '&' | '#' | ',' | ';' | '"' | '\'' | '<' | '>' | '(' | ')' | '/'
        )
}

fn push_word(out: &mut String, word: &str) {
    if let Some((name, _)) = word.split_once('=')
        && SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    {
        out.push_str(name);
        out.push('=');
        out.push_str(REDACTED);
    } else if let Some(at) = jwt_at(word) {
        let (before, _) = word.split_at(at);
        out.push_str(before);
        out.push_str(REDACTED);
    } else {
        out.push_str(word);
    }
}

/// Where a JWT begins: `eyJ` is `{"` in Base64, and two dots follow.
fn jwt_at(word: &str) -> Option<usize> {
    let at = word.find("eyJ")?;
    (word.split_at(at).1.matches('.').count() >= 1).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_left() {
        let rows = [
            ("ws://h/ws/?token=abc&tenant=t", "ws://h/ws/?token=***&tenant=t"),
            (
                "ws://h/ws/?tenant=t&TICKET=abc#x",
                "ws://h/ws/?tenant=t&TICKET=***#x",
            ),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("charla.v1, bearer.eyJh.eyJi.c", "charla.v1, bearer.***"),
            ("got eyJh.eyJi.c back", "got *** back"),
            ("nothing secret: a=b, bearer", "nothing secret: a=b, bearer"),
        ];
        for (text, expected) in rows {
            assert_eq!(redact(text), expected);
        }
    }
}
