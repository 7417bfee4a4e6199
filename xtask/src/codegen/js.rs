//! The browser client's share: which causes exist, their codes and what to do (`causes.js`), and apart from
//! it, because the core must stay small, their titles (`cause-titles.js`).

use std::fmt::Write as _;

use super::NOTICE;
use crate::causes::{Causes, Retry};

pub(super) const CAUSES: &str = "js/src/causes.js";
pub(super) const TITLES: &str = "js/src/cause-titles.js";

pub(super) fn render_causes(table: &Causes) -> String {
    let mut out = format!("// {NOTICE}\n\n");
    out.push_str("/** @typedef {\"refresh\"|\"backoff\"|\"wait\"|\"stop\"|\"resume\"} Retry */\n");
    out.push_str("/** @typedef {{id: string, code: number, retry: Retry}} Cause `code` is 0 when no close frame carries the cause. */\n\n");
    out.push_str("/** Ids by what a client does about them, each with its close code where it has one. */\n");
    out.push_str("const LISTED = {\n");
    for retry in [
        Retry::Refresh,
        Retry::Backoff,
        Retry::Wait,
        Retry::Stop,
        Retry::Resume,
    ] {
        let ids: Vec<String> = table
            .causes
            .iter()
            .filter(|cause| cause.browser && cause.retry == retry)
            .map(|cause| {
                cause
                    .code
                    .map_or_else(|| cause.id.clone(), |code| format!("{}:{code}", cause.id))
            })
            .collect();
        let _ = writeln!(out, "  {}: \"{}\",", retry.as_str(), ids.join(" "));
    }
    out.push_str("};\n\n");
    out.push_str(
        "/** @type {ReadonlyMap<string, Cause>} Every cause that can meet a browser. */\n\
         export const CAUSES = new Map(\n\
         \x20 Object.entries(LISTED).flatMap(([retry, ids]) =>\n\
         \x20   ids.split(\" \").map((entry) => {\n\
         \x20     const [id, code = \"0\"] = entry.split(\":\");\n\
         \x20     return [id, { id, code: Number(code), retry: /** @type {Retry} */ (retry) }];\n\
         \x20   }),\n\
         \x20 ),\n\
         );\n",
    );
    out
}

pub(super) fn render_titles(table: &Causes) -> String {
    let mut out = format!("// {NOTICE}\n\n");
    out.push_str("/** @type {Readonly<Record<string, {en: string, es: string}>>} A short statement of each cause, for people. */\n");
    out.push_str("export const CAUSE_TITLES = {\n");
    for cause in table.causes.iter().filter(|cause| cause.browser) {
        let _ = writeln!(
            out,
            "  {}: {{ en: {:?}, es: {:?} }},",
            cause.id, cause.en.title, cause.es.title
        );
    }
    out.push_str("};\n");
    out
}
