//! Every piece of `charla.toml` that a cause tells people to paste is one that the server starts with.

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

#[test]
fn a_pasted_setting_loads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charla.toml");
    let mut tried = 0;
    for &cause in Cause::ALL {
        for &lang in Lang::ALL {
            for snippet in cause.words(lang).fix {
                let is_setting = snippet.lines().any(|line| SECTIONS.contains(&line));
                if !is_setting {
                    continue;
                }
                std::fs::write(&file, snippet).unwrap();
                if let Err(problems) = settings::load(Some(&file), variables(), &[]) {
                    let told: Vec<_> = problems.iter().map(|problem| problem.tell(Lang::En)).collect();
                    panic!("{cause}: {}\n{snippet}", told.join("\n"));
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "only {tried} snippets were recognised");
}
