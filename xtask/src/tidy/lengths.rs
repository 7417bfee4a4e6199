//! How long a file may be: one that is longer holds more than one thought, or says why not.

use super::Source;

/// Lines. 300 are the wish.
const LIMIT: usize = 500;

/// Endings of files that people write and read as code.
const CODE: &[&str] = &[".rs", ".js", ".mjs", ".css", ".html", ".sh"];

/// Files that may be longer, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "crates/charla-wire/src/cause/table.rs",
    "generated: one row for each cause",
)];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    check_with(sources, EXCEPTIONS)
}

fn check_with(sources: &[Source], exceptions: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources
        .iter()
        .filter(|source| CODE.iter().any(|ending| source.path.ends_with(ending)))
    {
        let lines = source.text.lines().count();
        if lines > LIMIT && !exceptions.iter().any(|(path, _)| *path == source.path) {
            faults.push(format!("{}: {lines} lines, the limit is {LIMIT}", source.path));
        }
    }
    for (path, _) in exceptions {
        let is_needed = sources
            .iter()
            .any(|source| source.path == *path && source.text.lines().count() > LIMIT);
        if !is_needed {
            faults.push(format!(
                "{path}: needs no exception from the length limit any more"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{super::source, *};

    #[test]
    fn a_long_file_is_a_fault_unless_listed() {
        let long = || source("crates/charla-core/src/rooms.rs", &"x\n".repeat(LIMIT + 1));
        let listed = [("crates/charla-core/src/rooms.rs", "a table")];
        assert_eq!(
            check_with(&[long()], &[]),
            ["crates/charla-core/src/rooms.rs: 501 lines, the limit is 500"]
        );
        assert_eq!(check_with(&[long()], &listed), Vec::<String>::new());
        let short = source("crates/charla-core/src/rooms.rs", &"x\n".repeat(LIMIT));
        assert_eq!(check_with(&[short], &listed).len(), 1);
        let data = source("protocol/causes.toml", &"x\n".repeat(LIMIT + 1));
        assert_eq!(check_with(&[data], &[]), Vec::<String>::new());
    }
}
