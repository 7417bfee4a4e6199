//! Every piece of `charla.toml` that a cause or a page of the documentation tells people to paste is one that the
//! server starts with.

use charla_server::settings;
use charla_wire::{Cause, Lang};

/// What tells `charla.toml` from the configuration of others.
const SECTIONS: &[&str] = &[
    "[server]",
    "[origins]",
    "[auth]",
    "[[auth.keys]]",
    "[limits]",
    "[liveness]",
    "[plain]",
    "[compression]",
];

fn variables() -> impl Iterator<Item = (String, String)> {
    let secret = "a secret of the application, long enough".to_owned();
    [("DJANGO_SECRET_KEY".to_owned(), secret)].into_iter()
}

/// How many of the snippets were settings; all of those load.
fn load_settings<'a>(place: &str, snippets: impl Iterator<Item = &'a str>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charla.toml");
    let mut loaded = 0;
    for snippet in snippets.filter(|snippet| snippet.lines().any(|line| SECTIONS.contains(&line))) {
        std::fs::write(&file, snippet).unwrap();
        if let Err(problems) = settings::load(Some(&file), variables(), &[]) {
            let told: Vec<_> = problems.iter().map(|problem| problem.tell(Lang::En)).collect();
            panic!("{place}: {}\n{snippet}", told.join("\n"));
        }
        loaded += 1;
    }
    loaded
}

#[test]
fn the_settings_of_fixes_load() {
    let mut loaded = 0;
    for &cause in Cause::ALL {
        for &lang in Lang::ALL {
            loaded += load_settings(cause.id(), cause.words(lang).fix.iter().copied());
        }
    }
    assert!(loaded > 20, "only {loaded} were recognised");
}

#[test]
fn the_settings_of_the_documentation_load() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let mut loaded = 0;
    for entry in std::fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).unwrap();
            let blocks = text
                .split("```toml\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next());
            loaded += load_settings(&path.display().to_string(), blocks);
        }
    }
    assert!(loaded >= 3, "only {loaded} were recognised");
}
