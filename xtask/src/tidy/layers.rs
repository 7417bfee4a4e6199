//! Who may use whom: words at the bottom, decisions above them, machinery above those, faces on top.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Deserialize;

use super::Source;
use crate::run::{cargo, output};

/// A crate of the workspace, the crates of the workspace it may use (and in its tests), and what must never
/// be below it, however far down.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
    in_tests: &'static [&'static str],
    never: &'static [&'static str],
}

/// What a crate below the server has no business with.
const RUNTIME_AND_IO: &[&str] = &["tokio", "hyper", "axum", "sqlx", "rusqlite", "redis", "rand"];

const LAYERS: &[Layer] = &[
    Layer {
        name: "charla-wire",
        may_use: &[],
        in_tests: &[],
        never: RUNTIME_AND_IO,
    },
    Layer {
        name: "charla-core",
        may_use: &["charla-wire"],
        in_tests: &[],
        never: RUNTIME_AND_IO,
    },
    Layer {
        name: "charla-client",
        may_use: &["charla-wire"],
        in_tests: &[],
        never: &["axum", "rusqlite"],
    },
    Layer {
        // What the server and the doctor believe alike; neither of them is known here.
        name: "charla-trust",
        may_use: &[],
        in_tests: &[],
        never: &["hyper", "axum", "rusqlite"],
    },
    Layer {
        name: "charla-server",
        may_use: &["charla-wire", "charla-core", "charla-trust"],
        in_tests: &["charla-client"],
        never: &[],
    },
    Layer {
        name: "charla-doctor",
        may_use: &["charla-wire", "charla-client", "charla-trust"],
        in_tests: &[],
        never: &["axum"],
    },
    Layer {
        name: "charla",
        may_use: &[
            "charla-wire",
            "charla-core",
            "charla-client",
            "charla-server",
            "charla-doctor",
        ],
        in_tests: &[],
        never: &[],
    },
    Layer {
        name: "charla-bench",
        may_use: &["charla-wire", "charla-client"],
        in_tests: &[],
        never: &[],
    },
    Layer {
        name: "charla-sim",
        may_use: &["charla-wire", "charla-core", "charla-client"],
        in_tests: &[],
        never: &["axum", "rusqlite"],
    },
    Layer {
        name: "charla-ground",
        may_use: &[],
        in_tests: &[],
        never: &["tokio"],
    },
    Layer {
        name: "charla-lab",
        may_use: &["charla-ground"],
        in_tests: &[],
        never: &["tokio"],
    },
    Layer {
        name: "charla-faults",
        may_use: &["charla-client", "charla-ground"],
        in_tests: &[],
        never: &["axum", "rusqlite"],
    },
    Layer {
        // Shares no code with the server: it would share its mistakes.
        name: "charla-conformance",
        may_use: &[],
        in_tests: &[],
        never: &["tokio", "charla-wire"],
    },
    Layer {
        // Feeds whatever reads bytes of others; a crate of its own, so that nothing of it is shipped.
        name: "charla-fuzz",
        may_use: &["charla-wire", "charla-core", "charla-server", "charla-doctor"],
        in_tests: &[],
        never: &[],
    },
    Layer {
        name: "xtask",
        may_use: &[],
        in_tests: &[],
        never: &["tokio"],
    },
];

/// Below the server, time and randomness are arguments.
const CLOCKS_AND_DICE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::new_v4",
    "Uuid::now_v7",
    "getrandom::",
];

/// Whose sources are searched for [`CLOCKS_AND_DICE`].
const PURE: &[&str] = &["crates/charla-wire/src/", "crates/charla-core/src/"];

/// Cargo's resolved graph, as far as the rules look at it.
#[derive(Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

pub(super) fn metadata(root: &Path) -> Result<Metadata, String> {
    let json = output(cargo(root).args(["metadata", "--format-version", "1", "--locked"]))?;
    serde_json::from_slice(&json).map_err(|error| format!("cargo metadata: {error}"))
}

/// Faults in the graph of crates.
pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let names: BTreeMap<&str, &str> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package.name.as_str()))
        .collect();
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let members: BTreeSet<&str> = metadata.workspace_members.iter().map(String::as_str).collect();
    let name = |id: &str| names.get(id).copied().unwrap_or_default().to_owned();
    let mut faults = Vec::new();
    for &member in &members {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name(member)) else {
            faults.push(format!(
                "{}: a new crate: give it a line in xtask/src/tidy/layers.rs and its reason",
                name(member)
            ));
            continue;
        };
        for dependency in nodes.get(member).into_iter().flat_map(|node| &node.deps) {
            let used = name(&dependency.pkg);
            let is_test_only = !dependency.is_normal();
            let allowed = layer.may_use.contains(&used.as_str())
                || is_test_only && layer.in_tests.contains(&used.as_str())
                || is_test_only && dependency.pkg == member;
            if members.contains(dependency.pkg.as_str()) && !allowed {
                faults.push(format!("{} must not use {used}", layer.name));
            }
        }
        for below in reachable(member, &nodes) {
            if layer.never.contains(&name(below).as_str()) {
                faults.push(format!("{} must never have {} below it", layer.name, name(below)));
            }
        }
    }
    faults
}

impl Dependency {
    fn is_normal(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

fn reachable<'a>(from: &'a str, nodes: &BTreeMap<&'a str, &'a Node>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut left = vec![from];
    while let Some(id) = left.pop() {
        for dependency in nodes
            .get(id)
            .into_iter()
            .flat_map(|node| &node.deps)
            .filter(|dep| dep.is_normal())
        {
            if seen.insert(dependency.pkg.as_str()) {
                left.push(&dependency.pkg);
            }
        }
    }
    seen
}

/// Faults in the sources of the pure crates.
pub(super) fn check_sources(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources
        .iter()
        .filter(|source| PURE.iter().any(|folder| source.path.starts_with(folder)))
    {
        for (number, line) in before_tests(&source.text).lines().enumerate() {
            if let Some(found) = CLOCKS_AND_DICE.iter().find(|word| line.contains(**word)) {
                faults.push(format!(
                    "{}:{}: {found}: time and randomness are arguments here",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    faults
}

fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    fn graph(edges: &[(&str, &str, Option<&str>)]) -> Metadata {
        let mut ids: Vec<&str> = edges.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        ids.sort_unstable();
        ids.dedup();
        let node = |id: &str| Node {
            id: id.to_owned(),
            deps: edges
                .iter()
                .filter(|(from, ..)| *from == id)
                .map(|(_, to, kind)| Dependency {
                    pkg: (*to).to_owned(),
                    dep_kinds: vec![DependencyKind {
                        kind: kind.map(str::to_owned),
                    }],
                })
                .collect(),
        };
        Metadata {
            packages: ids
                .iter()
                .map(|id| Package {
                    id: (*id).to_owned(),
                    name: (*id).to_owned(),
                })
                .collect(),
            workspace_members: ids
                .iter()
                .filter(|id| id.starts_with("charla"))
                .map(|id| (*id).to_owned())
                .collect(),
            resolve: Resolve {
                nodes: ids.iter().map(|id| node(id)).collect(),
            },
        }
    }

    #[test]
    fn the_drawn_house_stands() {
        let house = graph(&[
            ("charla-core", "charla-wire", None),
            ("charla-server", "charla-core", None),
            ("charla-server", "tokio", None),
            ("charla-server", "charla-client", Some("dev")),
            ("charla-wire", "tokio", Some("dev")),
        ]);
        assert_eq!(check(&house), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_edge_is_a_fault() {
        let rows = [
            (
                vec![("charla-wire", "charla-core", None)],
                "charla-wire must not use charla-core",
            ),
            (
                vec![("charla-server", "charla-client", None)],
                "charla-server must not use charla-client",
            ),
            (
                vec![("charla-doctor", "charla-core", Some("dev"))],
                "charla-doctor must not use charla-core",
            ),
            (
                vec![("charla-core", "bytes", None), ("bytes", "tokio", None)],
                "charla-core must never have tokio below it",
            ),
        ];
        for (edges, fault) in rows {
            assert_eq!(check(&graph(&edges)), [fault]);
        }
        assert_eq!(check(&graph(&[("charla-magic", "bytes", None)])).len(), 1);
    }

    #[test]
    fn the_core_asks_no_clock() {
        let fires = source(
            "crates/charla-core/src/session.rs",
            "//! x\nlet now = Instant::now();\n",
        );
        assert_eq!(
            check_sources(&[fires]),
            ["crates/charla-core/src/session.rs:2: Instant::now: time and randomness are arguments here"]
        );
        let silent = [
            source(
                "crates/charla-core/src/session.rs",
                "fn tick(now: Instant) {}\n#[cfg(test)]\nmod tests { Instant::now() }",
            ),
            source("crates/charla-server/src/listen.rs", "let now = Instant::now();"),
        ];
        assert_eq!(check_sources(&silent), Vec::<String>::new());
    }
}
