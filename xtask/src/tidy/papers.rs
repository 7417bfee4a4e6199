//! What the documents say of each other: links lead somewhere, and the protocol lists the codes of the table.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::Source;
use crate::causes::Causes;

/// The document with the list of close codes.
const PROTOCOL: &str = "protocol/PROTOCOL.md";

/// Relative links in Markdown that lead nowhere.
pub(super) fn check_links(sources: &[Source]) -> Vec<String> {
    let files: BTreeSet<&Path> = sources.iter().map(|source| Path::new(&source.path)).collect();
    let is_there = |path: &Path| files.contains(path) || files.iter().any(|file| file.starts_with(path));
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        for link in links(&source.text) {
            let target = link.split('#').next().unwrap_or(link);
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
            match normal(&folder.join(target)) {
                Some(path) if is_there(&path) => {}
                _ => faults.push(format!("{}: the link to {link} leads nowhere", source.path)),
            }
        }
    }
    faults
}

/// The targets of `[text](target)`, code blocks left out.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for (at, mark) in line.match_indices("](") {
            let rest = line.get(at + mark.len()..).unwrap_or_default();
            found.extend(rest.split_once(')').map(|(target, _)| target));
        }
    }
    found
}

/// `docs/../js/README.md` as `js/README.md`; `None` when it leaves the repository.
fn normal(path: &Path) -> Option<std::path::PathBuf> {
    let mut clean = std::path::PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            std::path::Component::CurDir => {}
            std::path::Component::Normal(name) => clean.push(name),
            std::path::Component::RootDir | std::path::Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Close codes that the protocol's document and the table tell differently.
pub(super) fn check_codes(sources: &[Source], table: &Causes) -> Vec<String> {
    let Some(protocol) = sources.iter().find(|source| source.path == PROTOCOL) else {
        return vec![format!("{PROTOCOL} is missing")];
    };
    let listed = listed_codes(&protocol.text);
    let mut faults = Vec::new();
    for cause in &table.causes {
        let told = listed.get(cause.id.as_str());
        match (cause.code, told) {
            (Some(code), None) => faults.push(format!("{PROTOCOL}: `{}` is missing at {code}", cause.id)),
            (Some(code), Some(codes)) if !codes.contains(&code) => {
                faults.push(format!("{PROTOCOL}: `{}` has the code {code}", cause.id));
            }
            (None, Some(_)) => faults.push(format!("{PROTOCOL}: `{}` has no close code", cause.id)),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    let known: BTreeSet<&str> = table.causes.iter().map(|cause| cause.id.as_str()).collect();
    let unknown = listed.keys().filter(|id| !known.contains(*id));
    faults.extend(unknown.map(|id| format!("{PROTOCOL}: `{id}` is no cause")));
    faults
}

/// The ids of each table row whose first cell holds close codes, with those codes.
fn listed_codes(text: &str) -> BTreeMap<&str, Vec<u16>> {
    let mut listed = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').collect();
        let [first, ids, ..] = cells.as_slice() else {
            continue;
        };
        let codes: Option<Vec<u16>> = first.split(',').map(|code| code.trim().parse().ok()).collect();
        let Some(codes) = codes.filter(|codes| codes.iter().all(|code| *code >= 1000)) else {
            continue;
        };
        // Every other part between backticks is code.
        for id in ids.split('`').skip(1).step_by(2) {
            listed.insert(id, codes.clone());
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};
    use crate::causes::parse;

    #[test]
    fn a_link_leads_somewhere() {
        let tree = [
            source(
                "README.md",
                "[a](docs/a.md) [b](docs) [web](https://example.org/x) [here](#top)\n```\n[x](nowhere)\n```\n",
            ),
            source("docs/a.md", "[up](../README.md#run) [same](./a.md)"),
        ];
        assert_eq!(check_links(&tree), Vec::<String>::new());
        for text in [
            "[a](docs/b.md)",
            "[a](../outside.md)",
            "[a](/etc/passwd)",
            "x [a](doc)",
        ] {
            let tree = [source("README.md", text), source("docs/a.md", "")];
            assert_eq!(check_links(&tree).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_protocol_lists_the_tables_codes() {
        let row = |id: &str, code: &str| {
            format!(
                "[[cause]]\nid = \"{id}\"\nside = \"server\"\ngroup = \"x\"\n{code}\nretry = \"stop\"\nfix = [\"x\"]\n\
                 [cause.en]\ntitle = \"x\"\nexplain = \"x.\"\ncheck = \"x.\"\n[cause.es]\ntitle = \"y\"\nexplain = \"y.\"\ncheck = \"y.\"\n"
            )
        };
        let table = parse(&format!(
            "{}{}",
            row("restarting", "code = 1012"),
            row("not_found", "status = 404")
        ))
        .unwrap();
        let told = |text: &str| check_codes(&[source(PROTOCOL, text)], &table);
        assert_eq!(
            told("| code | causes |\n|---|---|\n| 1001, 1012 | `restarting` |\n"),
            Vec::<String>::new()
        );
        for text in [
            "",
            "| 1001 | `restarting` |",
            "| 1012 | `restarting`, `not_found` |",
            "| 1012 | `restarting`, `no_such_cause` |",
        ] {
            assert_eq!(told(text).len(), 1, "{text}");
        }
    }
}
