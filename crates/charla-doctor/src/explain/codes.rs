//! What a bare code or error text means: close codes, HTTP statuses that a handshake can get, causes, error texts.

mod closes;
mod statuses;
mod texts;

use charla_wire::{Cause, Lang};

use crate::text::{Text, both};

/// What a code means, what it can stand for, and what to run next.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeMeaning {
    /// The code or text: `1006`, `HTTP 403`, `net::ERR_CERT_DATE_INVALID`.
    pub code: String,
    /// Its name, as its standard has it: `Abnormal Closure`.
    pub name: Text,
    /// What it says, and what it does not say.
    pub meaning: Text,
    /// What it can stand for, the likeliest first; each has its own entry under `charla causes <id>`.
    pub causes: Vec<Cause>,
    /// Commands to run next.
    pub next: Vec<String>,
}

/// What a text means that is nothing but a code, a cause's id or one error message; `None` for anything else: a log.
///
/// Close codes of RFC 6455 (7.4) and of Charla, statuses of HTTP, ids of causes, errors as browsers and clients print them.
#[must_use]
pub fn code(text: &str) -> Option<CodeMeaning> {
    let text = text.trim();
    if text.lines().count() != 1 || text.len() > 400 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let bare = ["http", "close", "code", "status", "ws"]
        .iter()
        .fold(lower.as_str(), |rest, word| {
            rest.strip_prefix(word)
                .unwrap_or(rest)
                .trim_start_matches([' ', ':', '='])
        });
    if let Ok(number) = bare.parse::<u16>() {
        return if number < 1_000 {
            statuses::meaning(number)
        } else {
            closes::meaning(number)
        };
    }
    if let Some(cause) = Cause::from_id(&lower) {
        return Some(of_cause(cause));
    }
    texts::meaning(text)
}

fn of_cause(cause: Cause) -> CodeMeaning {
    let (en, es) = (cause.words(Lang::En), cause.words(Lang::Es));
    CodeMeaning {
        code: cause.id().to_owned(),
        name: Text {
            en: en.title.to_owned(),
            es: es.title.to_owned(),
        },
        meaning: Text {
            en: en.explain.to_owned(),
            es: es.explain.to_owned(),
        },
        causes: vec![cause],
        next: vec![format!("charla causes {}", cause.id())],
    }
}

/// The doctor, from outside and from the server's own machine.
fn doctor() -> Vec<String> {
    vec![
        "charla doctor 'wss://chat.example.org/ws/chat/5/' --token \"$TOKEN\"".to_owned(),
        "journalctl -u backend -o json --since -15min | charla explain -".to_owned(),
    ]
}

fn unassigned(number: u16, range: &Text) -> CodeMeaning {
    let (en, es) = (&range.en, &range.es);
    CodeMeaning {
        code: number.to_string(),
        name: both!("not assigned", "sin asignar"),
        meaning: both!(
            "Close code {number} is not assigned. {en}",
            "El código de cierre {number} no está asignado. {es}"
        ),
        causes: Vec::new(),
        next: doctor(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table: one row a code")]
    fn every_code_has_a_meaning() {
        let codes = [
            "1000",
            "1001",
            "1002",
            "1003",
            "1004",
            "1005",
            "1006",
            "1007",
            "1008",
            "1009",
            "1010",
            "1011",
            "1012",
            "1013",
            "1014",
            "1015",
            "3000",
            "3999",
            "4000",
            "4400",
            "4401",
            "4403",
            "4404",
            "4408",
            "4409",
            "4410",
            "4413",
            "4429",
            "4508",
            "101",
            "200",
            "301",
            "302",
            "307",
            "308",
            "400",
            "401",
            "403",
            "404",
            "405",
            "407",
            "408",
            "413",
            "414",
            "421",
            "426",
            "429",
            "431",
            "444",
            "499",
            "500",
            "501",
            "502",
            "503",
            "504",
            "505",
            "520",
            "521",
            "522",
            "523",
            "524",
            "525",
            "526",
            "530",
            "token_expired",
            "HTTP 403",
            "code: 1006",
            "net::ERR_CERT_DATE_INVALID",
            "net::ERR_NAME_NOT_RESOLVED",
            "Error during WebSocket handshake: Unexpected response code: 502",
            "redis.exceptions.TimeoutError: Timeout reading from 127.0.0.1:6379",
        ];
        for text in codes {
            let found = code(text).unwrap_or_else(|| panic!("{text}"));
            for said in [&found.name, &found.meaning] {
                assert!(!said.en.is_empty() && !said.es.is_empty(), "{text}");
            }
            assert!(!found.next.is_empty(), "{text}");
        }
    }

    #[test]
    fn every_code_of_a_cause_leads_to_it() {
        for cause in Cause::ALL {
            let said = cause
                .own_close_code()
                .map(|number| code(&number.to_string()).unwrap());
            assert!(
                said.is_none_or(|said| said.causes.contains(cause)),
                "{}",
                cause.id()
            );
        }
    }

    #[test]
    fn logs_and_words_are_no_codes() {
        for text in [
            "",
            "hello",
            "99",
            "12345678",
            "5000x",
            "it fails since this morning",
            "1006\n1006",
            "700",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
    }
}
