//! Every check has a fixture that makes it fire and one that leaves it silent: `fixtures/checks/<id>/`, as evidence
//! (`fires*.json`, `silent*.json`) or as a pasted log (`fires*.log`, `silent*.log`).

use std::fs;
use std::path::{Path, PathBuf};

use charla_doctor::checks;
use charla_doctor::evidence::Evidence;
use charla_doctor::explain::Reader;
use charla_doctor::verdict::Outcome;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/checks")
}

fn fixtures(id: &str, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join(id)).into_iter().flatten().flatten();
    let named = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(kind))
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(named).collect();
    paths.sort();
    paths
}

fn evidence(path: &Path) -> Evidence {
    let text = fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "json") {
        return serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let mut reader = Reader::new(false);
    reader.read("pasted.log", None, text.as_bytes(), None).unwrap();
    Evidence {
        logs: reader.finish(),
        ..Evidence::default()
    }
}

#[test]
fn every_check_fires_and_stays_silent() {
    let mut faults = Vec::new();
    for (name, check) in checks::ALL {
        if *name != check.cause.id() {
            faults.push(format!("{name}: the file of `{}` has its name", check.cause.id()));
        }
        let (fires, silent) = (fixtures(name, "fires"), fixtures(name, "silent"));
        if fires.is_empty() || silent.is_empty() {
            faults.push(format!(
                "{name}: needs a fixture that fires and one that stays silent"
            ));
        }
        for path in fires {
            let outcome = (check.judge)(&evidence(&path));
            if let Outcome::Fail(finding) | Outcome::Warn(finding) = &outcome {
                if finding.facts.is_empty() || finding.sentence.is_empty() {
                    faults.push(format!("{}: a verdict quotes what it stands on", path.display()));
                }
            } else {
                faults.push(format!("{}: stays silent: {outcome:?}", path.display()));
            }
        }
        for path in silent {
            let outcome = (check.judge)(&evidence(&path));
            if !matches!(outcome, Outcome::Pass(_)) {
                faults.push(format!("{}: is not ruled out: {outcome:?}", path.display()));
            }
        }
    }
    for entry in fs::read_dir(folder()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !checks::ALL.iter().any(|(check, _)| *check == name) {
            faults.push(format!("{name}: fixtures of no check"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_missing_chats_fix_is_for_the_tenant_that_the_token_names() {
    let (_, check) = checks::ALL
        .iter()
        .find(|(name, _)| *name == "chat_not_found")
        .unwrap();
    let mut seen = evidence(&folder().join("chat_not_found/fires-after-accept.json"));
    let fixes = |seen: &Evidence| {
        let outcome = (check.judge)(seen);
        let Outcome::Fail(finding) = outcome else {
            panic!("{outcome:?}")
        };
        finding.fix
    };
    assert_eq!(fixes(&seen), ["charla chat list", "charla chat add 5"]);
    seen.token.as_mut().unwrap().tenant = Some("acme".into());
    assert_eq!(
        fixes(&seen),
        [
            "charla chat list --tenant acme",
            "charla chat add --tenant acme 5"
        ]
    );
    seen.target.as_mut().unwrap().tenant = Some("named-in-the-address".into());
    assert_eq!(
        fixes(&seen),
        [
            "charla chat list --tenant named-in-the-address",
            "charla chat add --tenant named-in-the-address 5"
        ]
    );
}
