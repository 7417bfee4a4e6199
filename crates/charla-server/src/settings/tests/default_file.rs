//! The file that `charla` writes for whoever has none says what holds without it, and its examples hold.

use super::*;

#[test]
fn the_default_file_loads_back_to_the_defaults() {
    let file = Folder::with(&default_file());
    let mut loaded = file.load(&[], &[]).unwrap();
    assert_eq!(loaded.settings.store.path, file.folder.path().join("charla-data"));
    loaded.settings.store.path = "charla-data".into();
    // Where a limit stands in the file is no default.
    loaded.settings.limit_sources = LimitSources::default();
    assert_eq!(
        format!("{:?}", loaded.settings),
        format!("{:?}", Settings::default())
    );
    // Each value stands in the file itself, so that this test has seen every one.
    for line in loaded.shown() {
        assert_eq!(line.value.is_some(), line.place != Place::Default, "{}", line.key);
    }
}

#[test]
fn the_examples_of_the_default_file_are_valid() {
    let examples: String = default_file()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(example) if example.contains(" = \"") && !example.contains("secret") => {
                format!("{example}\n")
            }
            _ if line.starts_with('[') => format!("{line}\n"),
            _ => String::new(),
        })
        .filter(|line| !line.contains("_file") && !line.contains("kid =") && !line.contains("algorithm ="))
        // Each kind of authority has keys of its own; fields of the entries of lists, a layer that would want them, sessions and
        // a bucket that need a secret.
        .filter(|line| {
            let apart = [
                "preset =",
                "query =",
                "url = \"http://",
                "layer =",
                "group =",
                "type =",
                "as =",
                "text =",
                "author =",
                "sessions =",
                "endpoint = \"https://s3.",
                "bucket =",
                "access_key_id =",
            ];
            !apart.iter().any(|key| line.starts_with(key))
        })
        .collect();
    // What is written along stands in one database.
    let examples = examples.replace("db.example.org/app", "db.example.org/charla");
    let text = examples.replace("tenant = \"acme\"\n", "");
    let loaded = Folder::with(&text).load(&[], &[]).unwrap();
    assert_eq!(
        loaded.settings.server.public_url.as_deref(),
        Some("https://chat.example.org")
    );
    assert_eq!(loaded.settings.plain.text_field.as_deref(), Some("body"));
}
