//! The table of causes: every row complete in both languages, and what the rows promise each other.

use std::collections::BTreeSet;

use crate::causes::{Cause, Causes, Retry, Words};

/// Characters. A title stands in a table's cell and in one line of a terminal.
const TITLE_MAX: usize = 72;

pub(super) fn check(table: &Causes) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    let mut groups: Vec<&str> = Vec::new();
    for cause in &table.causes {
        let mut fault = |what: &str| faults.push(format!("protocol/causes.toml: {}: {what}", cause.id));
        if !ids.insert(&cause.id) {
            fault("stands there twice");
        }
        if groups.last() != Some(&cause.group.as_str()) {
            if groups.contains(&cause.group.as_str()) {
                fault("stands apart from the rest of its group");
            }
            groups.push(&cause.group);
        }
        for what in row_faults(cause) {
            fault(&what);
        }
    }
    faults
}

fn row_faults(cause: &Cause) -> Vec<String> {
    let mut faults = Vec::new();
    let is_id_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !cause.id.starts_with(|letter: char| letter.is_ascii_lowercase())
        || !cause.id.chars().all(is_id_letter)
    {
        faults.push("an id is made of a-z, 0-9 and _".to_owned());
    }
    if cause.code.is_some_and(|code| !is_sendable(code)) {
        faults.push("no close frame may carry this code (RFC 6455, 7.4)".to_owned());
    }
    if cause.status.is_some_and(|status| !(400..=599).contains(&status)) {
        faults.push("a refusal answers with 4xx or 5xx".to_owned());
    }
    if cause.code == Some(4401) && cause.retry == Retry::Backoff {
        faults.push("a refused token is refreshed or given up, never tried again as it is".to_owned());
    }
    if cause.en.fix.len() != cause.es.fix.len() {
        faults.push("the two languages give a different number of fixes".to_owned());
    }
    for (lang, words) in [("en", &cause.en), ("es", &cause.es)] {
        faults.extend(
            word_faults(words)
                .into_iter()
                .map(|what| format!("{lang}: {what}")),
        );
    }
    if cause.en.explain == cause.es.explain {
        faults.push("is not translated".to_owned());
    }
    faults
}

/// The codes that RFC 6455 lets an endpoint send, and the private range.
fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 4000..=4999)
}

fn word_faults(words: &Words) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if words.title.is_empty() || words.title.ends_with('.') || words.title.chars().count() > TITLE_MAX {
        faults.push("a title is a short statement without a full stop");
    }
    if !words.explain.ends_with('.') {
        faults.push("the explanation is missing or does not end with a full stop");
    }
    if words.fix.is_empty() || words.fix.iter().any(|fix| fix.trim().is_empty()) {
        faults.push("the fix is missing");
    }
    if !words.check.ends_with('.') {
        faults.push("the check is missing or does not end with a full stop");
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::parse;

    const ROW: &str = r#"
[[cause]]
id = "chat_not_found"
side = "server"
group = "lookup"
code = 4404
status = 404
retry = "stop"
[cause.en]
title = "There is no such chat"
explain = "The tenant has no chat with this id."
fix = ["charla chat list"]
check = "The preflight answers 200."
[cause.es]
title = "Ese chat no existe"
explain = "El tenant no tiene un chat con ese id."
fix = ["charla chat list"]
check = "La comprobación previa responde 200."
"#;

    fn faults(text: &str) -> Vec<String> {
        check(&parse(text).unwrap())
    }

    #[test]
    fn a_complete_row_is_silent() {
        assert_eq!(faults(ROW), Vec::<String>::new());
    }

    #[test]
    fn each_gap_is_a_fault() {
        let rows = [
            ("There is no such chat", "", "short statement"),
            (
                "There is no such chat",
                "There is no such chat.",
                "short statement",
            ),
            ("El tenant no tiene un chat con ese id.", "", "explanation"),
            (
                "El tenant no tiene un chat con ese id.",
                "The tenant has no chat with this id.",
                "translated",
            ),
            (r#"["charla chat list"]"#, "[]", "fix is missing"),
            ("The preflight answers 200.", "Try", "check"),
            ("code = 4404", "code = 1006", "RFC 6455"),
            ("status = 404", "status = 200", "4xx"),
            (
                "code = 4404\nstatus = 404\nretry = \"stop\"",
                "code = 4401\nretry = \"backoff\"",
                "never tried again",
            ),
            ("chat_not_found", "Chat-not-found", "a-z"),
        ];
        for (from, to, part) in rows {
            let found = faults(&ROW.replacen(from, to, 1));
            assert!(
                found.iter().any(|fault| fault.contains(part)),
                "{part}: {found:?}"
            );
        }
        assert!(
            faults(&format!("{ROW}{ROW}"))
                .iter()
                .any(|fault| fault.contains("twice"))
        );
    }

    #[test]
    fn an_unknown_field_stops_the_reading() {
        assert!(parse(&ROW.replace("status", "statos")).is_err());
    }
}
