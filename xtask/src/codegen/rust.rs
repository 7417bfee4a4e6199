//! `crates/charla-wire/src/cause/table.rs`: the closed list and its rows.

use std::fmt::Write as _;

use super::NOTICE;
use crate::causes::{Cause, Causes, Words, camel_case};

pub(super) const PATH: &str = "crates/charla-wire/src/cause/table.rs";

pub(super) fn render(table: &Causes) -> String {
    let mut out = format!("//! {NOTICE}\n\n");
    out.push_str("use super::{Group, Retry, Row, Side, Words};\n\n");
    out.push_str("/// Why something was refused, cut or could not be made. The documentation of each is `docs/causes/<id>.md`.\n");
    out.push_str("#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum Cause {\n");
    for cause in &table.causes {
        let _ = writeln!(
            out,
            "    /// {}.\n    {},",
            escape_doc(&cause.en.title),
            cause.variant()
        );
    }
    out.push_str("}\n\nimpl Cause {\n    /// Every cause, in the order of the table.\n    pub const ALL: &'static [Self] = &[\n");
    for cause in &table.causes {
        let _ = writeln!(out, "        Self::{},", cause.variant());
    }
    out.push_str("    ];\n\n    /// The cause of an id.\n    #[must_use]\n");
    out.push_str("    #[allow(clippy::too_many_lines, reason = \"one line for each cause\")]\n");
    out.push_str("    pub fn from_id(id: &str) -> Option<Self> {\n        Some(match id {\n");
    for cause in &table.causes {
        let _ = writeln!(out, "            {:?} => Self::{},", cause.id, cause.variant());
    }
    out.push_str("            _ => return None,\n        })\n    }\n\n");
    out.push_str("    #[allow(clippy::too_many_lines, reason = \"one row for each cause\")]\n");
    out.push_str("    pub(super) const fn row(self) -> &'static Row {\n        match self {\n");
    for cause in &table.causes {
        row(&mut out, cause);
    }
    out.push_str("        }\n    }\n}\n");
    out
}

fn row(out: &mut String, cause: &Cause) {
    let _ = writeln!(out, "            Self::{} => &Row {{", cause.variant());
    let _ = writeln!(out, "                id: {:?},", cause.id);
    let _ = writeln!(out, "                side: Side::{:?},", cause.side);
    let _ = writeln!(out, "                group: Group::{},", camel_case(&cause.group));
    let _ = writeln!(out, "                code: {:?},", cause.code);
    let _ = writeln!(out, "                status: {:?},", cause.status);
    let _ = writeln!(out, "                retry: Retry::{:?},", cause.retry);
    words(out, "en", &cause.en);
    words(out, "es", &cause.es);
    out.push_str("            },\n");
}

fn words(out: &mut String, lang: &str, words: &Words) {
    let _ = writeln!(out, "                {lang}: Words {{");
    let _ = writeln!(out, "                    title: {:?},", words.title);
    let _ = writeln!(out, "                    explain: {:?},", words.explain);
    out.push_str("                    fix: &[\n");
    for fix in &words.fix {
        let _ = writeln!(out, "                        {fix:?},");
    }
    out.push_str("                    ],\n");
    let _ = writeln!(out, "                    check: {:?},", words.check);
    out.push_str("                },\n");
}

/// Addresses and brackets would otherwise be read as links.
fn escape_doc(text: &str) -> String {
    text.replace('[', "\\[")
        .replace("wss://", "`wss://`")
        .replace("ws://", "`ws://`")
}
