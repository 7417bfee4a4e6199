//! Where nginx writes what happens to a request.

use super::effective::Defaults;
use super::tree::Node;
use super::walk::Walk;
use crate::evidence::NginxLog;

pub(super) fn error_log(walk: &Walk<'_>, root: &Node, defaults: &Defaults<'_>) -> NginxLog {
    const LEVELS: [&str; 8] = [
        "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg",
    ];
    let mut own = walk.effective(&["error_log"]);
    if own.is_empty() {
        own = root.named("error_log").collect();
    }
    let level = |node: &Node| {
        let word = node
            .args
            .get(1..)
            .unwrap_or_default()
            .iter()
            .find(|arg| LEVELS.contains(&arg.as_str()));
        word.map_or("error", String::as_str).to_owned()
    };
    // The most talkative of several, among those that are files.
    let rank = |node: &&Node| {
        (
            !is_file(node.arg(0)),
            LEVELS.iter().position(|word| *word == level(node)),
        )
    };
    match own.into_iter().min_by_key(rank) {
        Some(node) => log(node.arg(0), level(node), node.at(), defaults),
        None => log(defaults.error_log, "error".to_owned(), String::new(), defaults),
    }
}

pub(super) fn access_log(walk: &Walk<'_>, defaults: &Defaults<'_>) -> NginxLog {
    let own = walk.effective(&["access_log"]);
    let node = own
        .iter()
        .find(|node| is_file(node.arg(0)))
        .or_else(|| own.first());
    let format = |node: &Node| node.args.get(1).filter(|arg| !arg.contains('=')).cloned();
    match node {
        Some(node) => log(
            node.arg(0),
            format(node).unwrap_or_else(|| "combined".to_owned()),
            node.at(),
            defaults,
        ),
        None => log(
            defaults.access_log,
            "combined".to_owned(),
            String::new(),
            defaults,
        ),
    }
}

fn is_file(path: &str) -> bool {
    !(path == "off"
        || path == "stderr"
        || path.starts_with("syslog:")
        || path.starts_with("memory:")
        || path.contains('$'))
}

fn log(path: &str, level: String, at: String, defaults: &Defaults<'_>) -> NginxLog {
    let path = if path.starts_with('/') || !is_file(path) {
        path.to_owned()
    } else {
        format!("{}/{path}", defaults.prefix.trim_end_matches('/'))
    };
    NginxLog {
        path,
        level,
        readable: false,
        at,
    }
}
