//! What was written, loaded as a start would load it. Secrets that only the server's machine has are stood in for.

use std::path::Path;

use charla_server::settings;
use charla_wire::Lang;

/// Where the written settings expect files that are handed over.
const FOLDER: &str = "/etc/charla/";
/// Passes for a shared secret, and for a public key until it is used.
const STAND_IN: &str = "-----BEGIN PUBLIC KEY-----\nc3RhbmRzIGluIGZvciB0aGUga2V5IG9mIHRoZSBwcm9qZWN0\n-----END PUBLIC KEY-----\n";

/// Every mistake, told with the place in the file as it was written.
///
/// # Errors
/// When the copies that are loaded cannot be written.
pub(super) fn mistakes(
    text: &str,
    file: &Path,
    variables: &[(String, String)],
    lang: Lang,
) -> std::io::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let beside = format!("{}/", folder.path().display());
    for path in text.split('"').filter_map(|part| part.strip_prefix(FOLDER)) {
        std::fs::write(folder.path().join(path), STAND_IN)?;
    }
    let copy = folder.path().join("charla.toml");
    std::fs::write(&copy, text.replace(FOLDER, &beside))?;
    let given = variables.iter().filter(|(name, _)| !name.starts_with("CHARLA_"));
    let stand_ins = given.map(|(name, _)| (name.clone(), STAND_IN.to_owned()));
    let problems = settings::load(Some(&copy), stand_ins, &[])
        .err()
        .unwrap_or_default();
    let shown = file.display().to_string();
    Ok(problems
        .iter()
        .map(|problem| {
            problem
                .tell(lang)
                .replace(&copy.display().to_string(), &shown)
                .replace(&beside, FOLDER)
        })
        .collect())
}
