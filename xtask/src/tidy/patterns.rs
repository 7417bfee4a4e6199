//! What must not stand in code: `mod.rs`, queues without a bound, tests that sleep, files that promise nothing.

use super::Source;

/// A line with this mark, or the line below it, may sleep: the mark is followed by the reason.
const MAY_SLEEP: &str = "sleeps because";

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    // The rules' own fixtures are made of what they forbid.
    sources
        .iter()
        .filter(|source| !source.path.starts_with("xtask/src/tidy"))
        .flat_map(check_file)
        .collect()
}

fn check_file(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let is_rust = source.path.ends_with(".rs");
    if is_rust && source.path.ends_with("/mod.rs") {
        faults.push(format!(
            "{}: a module `foo` lives in `foo.rs` with its parts in `foo/`",
            source.path
        ));
    }
    if is_rust && !source.text.starts_with("//!") {
        faults.push(format!(
            "{}: a file opens with `//!` and what it promises",
            source.path
        ));
    }
    let is_js = source.path.ends_with(".js") || source.path.ends_with(".mjs");
    if !is_rust && !is_js {
        return faults;
    }
    let mut in_tests = is_test_file(&source.path);
    let mut excused = false;
    for (number, line) in source.text.lines().enumerate() {
        in_tests |= line.contains("#[cfg(test)]");
        let place = format!("{}:{}", source.path, number + 1);
        if is_rust && is_unbounded(line) {
            faults.push(format!(
                "{place}: every queue has a bound, and reaching it has a name"
            ));
        }
        excused |= line.contains(MAY_SLEEP);
        if in_tests && is_sleep(line) && !excused {
            faults.push(format!(
                "{place}: tests wait for events and never sleep (or say `{MAY_SLEEP} ...` above)"
            ));
        }
        excused = line.contains(MAY_SLEEP) || excused && line.trim_start().starts_with("//");
    }
    faults
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.ends_with(".test.js")
        || path.ends_with(".test.mjs")
}

fn is_unbounded(line: &str) -> bool {
    [
        "unbounded_channel(",
        "unbounded_channel::<",
        "unbounded::<",
        "unbounded(",
        "mpsc::channel()",
    ]
    .iter()
    .any(|call| line.contains(call))
}

fn is_sleep(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    [
        "sleep(",
        "sleep_until(",
        "waitForTimeout(",
        "setTimeout(resolve",
        "timers/promises",
    ]
    .iter()
    .any(|call| code.contains(call))
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    #[test]
    fn each_pattern_fires() {
        let rows = [
            ("crates/charla-core/src/rooms/mod.rs", "//! Rooms.\n", "foo.rs"),
            ("crates/charla-core/src/rooms.rs", "use std::fmt;\n", "opens with"),
            (
                "crates/charla-server/src/deliver.rs",
                "//! x\nlet (a, b) = mpsc::unbounded_channel();\n",
                "bound",
            ),
            (
                "crates/charla-server/src/deliver.rs",
                "//! x\nlet (a, b) = std::sync::mpsc::channel();\n",
                "bound",
            ),
            (
                "crates/charla-server/tests/it/resume.rs",
                "//! x\nsleep(Duration::from_secs(1)).await;\n",
                "never sleep",
            ),
            (
                "crates/charla-core/src/a.rs",
                "//! x\n#[cfg(test)]\nmod tests {\nthread::sleep(x);\n",
                "never sleep",
            ),
            (
                "js/test/client.test.js",
                "await new Promise((resolve) => setTimeout(resolve, 50));",
                "never sleep",
            ),
            (
                "tests/browser.test.mjs",
                "await page.waitForTimeout(500);",
                "never sleep",
            ),
        ];
        for (path, text, part) in rows {
            let faults = check(&[source(path, text)]);
            assert!(
                faults.len() == 1 && faults.iter().all(|fault| fault.contains(part)),
                "{path}: {faults:?}"
            );
        }
    }

    #[test]
    fn what_is_right_is_silent() {
        let rows = [
            (
                "crates/charla-core/src/rooms.rs",
                "//! Rooms.\nlet x = mpsc::channel(16);\n",
            ),
            (
                "crates/charla-server/src/shutdown.rs",
                "//! x\ntokio::time::sleep(DRAIN).await;\n",
            ),
            (
                "tests/slow.rs",
                "//! x\n// sleeps because the input is one byte every 4 s\n// by its definition\nsleep(x).await;\n",
            ),
            (
                "tests/slow.rs",
                "//! x\nsleep(x).await; // sleeps because that is the input\n",
            ),
            ("tests/words.rs", "//! x\n// no sleep() here\n"),
            ("docs/README.md", "sleep(1) mpsc::unbounded_channel()"),
        ];
        for (path, text) in rows {
            assert_eq!(check(&[source(path, text)]), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn an_excuse_covers_one_sleep() {
        let text = "//! x\n// sleeps because of the input\nsleep(x);\nsleep(y);\n";
        assert_eq!(check(&[source("tests/slow.rs", text)]).len(), 1);
    }
}
