//! `docs/causes/`: a page for each cause, English first and Spanish below, and their index.

use std::fmt::Write as _;

use super::NOTICE;
use crate::causes::{Cause, Causes, Words};

pub(super) fn render_index(table: &Causes) -> String {
    let mut out = format!("<!-- {NOTICE} -->\n\n# Causes · Causas\n\n");
    out.push_str("Every reason why a connection was refused, cut or never made. `charla causes <id>` prints the same in a terminal.\n\n");
    out.push_str("Todas las razones por las que una conexión se rechaza, se corta o no llega a hacerse. `charla causes <id>` muestra lo mismo en la terminal.\n");
    let mut group = "";
    for cause in &table.causes {
        if cause.group != group {
            group = &cause.group;
            let _ = write!(
                out,
                "\n## {group}\n\n| id | code | HTTP | client | English | Español |\n|---|---|---|---|---|---|\n"
            );
        }
        let _ = writeln!(
            out,
            "| [`{id}`]({id}.md) | {} | {} | {} | {} | {} |",
            number(cause.code),
            number(cause.status),
            cause.retry.as_str(),
            cause.en.title,
            cause.es.title,
            id = cause.id,
        );
    }
    out
}

pub(super) fn render_page(cause: &Cause) -> String {
    let mut out = format!("<!-- {NOTICE} -->\n\n# `{}`\n\n", cause.id);
    out.push_str("| side | group | close code | HTTP status | client |\n|---|---|---|---|---|\n");
    let side = format!("{:?}", cause.side).to_lowercase();
    let _ = writeln!(
        out,
        "| {side} | {} | {} | {} | {} |",
        cause.group,
        number(cause.code),
        number(cause.status),
        cause.retry.as_str()
    );
    language(&mut out, &cause.en, "Fix", "Check");
    language(&mut out, &cause.es, "Solución", "Comprobación");
    out
}

fn language(out: &mut String, words: &Words, fix: &str, check: &str) {
    let _ = write!(out, "\n## {}\n\n{}\n\n### {fix}\n\n", words.title, words.explain);
    for snippet in &words.fix {
        let _ = write!(out, "```\n{}\n```\n\n", snippet.trim_end());
    }
    let _ = write!(out, "### {check}\n\n{}\n", words.check);
}

fn number(number: Option<u16>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| number.to_string())
}
