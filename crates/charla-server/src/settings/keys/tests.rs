//! What the rows of the table promise each other.

use super::*;

#[test]
fn every_key_stands_in_a_section_of_the_file() {
    for key in KEYS {
        assert!(is_section(key.section()), "{}", key.path);
        assert!(
            !key.doc.is_empty() && key.doc.ends_with('.') || key.doc.ends_with("..."),
            "{}",
            key.path
        );
    }
    for &(section, _) in SECTIONS {
        assert!(KEYS.iter().any(|key| key.section() == section), "{section}");
    }
}

#[test]
fn paths_and_variables_name_one_key_each() {
    let mut paths: Vec<_> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    paths.extend(KEYS.iter().map(Key::variable));
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count);
}
