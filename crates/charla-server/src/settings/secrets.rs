//! Secrets and keys: given in place, in a file of their own or in a variable; never shown again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use charla_wire::TenantId;
use secrecy::SecretString;

use super::keys::FOREIGN_KEYS;
use super::problem::{Fault, Place, Problem};
use super::rule::{Rule, SECRET_MIN_BYTES};
use super::slot::Raw;
use super::source::ForeignEntry;
use super::{Algorithm, KeyMaterial, KeySettings};

/// The words for algorithms, as the JWA registry writes them (RFC 7518, 3.1; RFC 8037).
pub(super) const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("RS256", Algorithm::Rs256),
    ("ES256", Algorithm::Es256),
    ("EdDSA", Algorithm::EdDsa),
];

/// The words of [`ALGORITHMS`] alone.
const ALGORITHM_WORDS: &[&str] = &["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"];

/// The largest file that is read as a key.
const KEY_FILE_MAX: u64 = 64 * 1024;

/// Reads what secrets point to: files and variables.
pub(super) struct Vault<'a> {
    /// Where relative paths of the file start.
    pub(super) folder: &'a Path,
    /// The whole environment.
    pub(super) variables: &'a HashMap<String, String>,
    pub(super) problems: &'a mut Vec<Problem>,
}

/// One of the ways to give a secret.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Here,
    File,
    Variable,
}

impl Way {
    /// The way that a key with this rule gives a secret.
    pub(super) fn of(rule: Rule) -> Self {
        if rule == Rule::SecretFile {
            Self::File
        } else if rule == Rule::SecretEnv {
            Self::Variable
        } else {
            Self::Here
        }
    }
}

impl Vault<'_> {
    fn refuse<T>(&mut self, place: &Place, fault: Fault) -> Option<T> {
        self.problems.push(Problem::new(place, fault));
        None
    }

    /// The path as the place means it: in the file, from the file's own folder.
    pub(super) fn path(&self, text: &str, place: &Place) -> PathBuf {
        match place {
            Place::Line(..) | Place::File(_) => self.folder.join(text),
            Place::Variable(_) | Place::Flag(_) | Place::Api | Place::Default => PathBuf::from(text),
        }
    }

    /// A secret given in one of its ways.
    pub(super) fn secret(&mut self, key: &str, way: Way, raw: &Raw, place: &Place) -> Option<SecretString> {
        let not_allowed = |rule, shown: bool| Fault::NotAllowed {
            key: key.to_owned(),
            given: shown.then(|| raw.shown()),
            rule,
        };
        let text = raw.text().filter(|text| !text.is_empty());
        let secret = match (way, text) {
            (Way::Here, Some(text)) => text.to_owned(),
            (Way::Here, None) => return self.refuse(place, not_allowed(Rule::Secret, false)),
            (Way::File, Some(path)) => self.file(key, path, place)?,
            (Way::File, None) => return self.refuse(place, not_allowed(Rule::SecretFile, true)),
            (Way::Variable, Some(name)) => match self.variables.get(name) {
                Some(value) => value.clone(),
                None => {
                    let (key, variable) = (key.to_owned(), name.to_owned());
                    return self.refuse(place, Fault::NoVariable { key, variable });
                }
            },
            (Way::Variable, None) => return self.refuse(place, not_allowed(Rule::SecretEnv, true)),
        };
        if secret.len() < SECRET_MIN_BYTES {
            return self.refuse(place, not_allowed(Rule::Secret, false));
        }
        Some(SecretString::from(secret))
    }

    /// A small text file, its last line end cut.
    pub(super) fn file(&mut self, key: &str, path: &str, place: &Place) -> Option<String> {
        let path = self.path(path, place);
        let read = || -> std::io::Result<String> {
            if std::fs::metadata(&path)?.len() > KEY_FILE_MAX {
                return Err(std::io::Error::other("it is larger than 64 KiB"));
            }
            std::fs::read_to_string(&path)
        };
        match read() {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                let (key, error) = (key.to_owned(), error.to_string());
                self.refuse(place, Fault::KeyFile { key, path, error })
            }
        }
    }

    /// Every entry of `[[auth.keys]]`.
    pub(super) fn foreign_keys(&mut self, entries: &[ForeignEntry]) -> Vec<(KeySettings, Place)> {
        let mut keys: Vec<(KeySettings, Place)> = Vec::new();
        for entry in entries {
            let Some(key) = self.foreign_key(entry) else {
                continue;
            };
            let twin = keys
                .iter()
                .find(|(other, _)| key.kid.is_some() && other.kid == key.kid && other.tenant == key.tenant);
            if let Some((_, first)) = twin {
                let kid = key
                    .kid
                    .as_deref()
                    .map(|kid| format!("{kid:?}"))
                    .unwrap_or_default();
                let first = first.clone();
                self.problems
                    .push(Problem::new(&entry.place, Fault::KidTwice { kid, first }));
                continue;
            }
            keys.push((key, entry.place.clone()));
        }
        keys
    }

    fn foreign_key(&mut self, entry: &ForeignEntry) -> Option<KeySettings> {
        let kid = self.word(entry, "kid", Rule::Text);
        let tenant = self.word(entry, "tenant", Rule::Tenant);
        let algorithm = self.word(entry, "algorithm", Rule::Choice(ALGORITHM_WORDS));
        if field(entry, "algorithm").is_none() {
            let key = format!("{FOREIGN_KEYS}.algorithm");
            let any = vec![key];
            let key = FOREIGN_KEYS.to_owned();
            return self.refuse(&entry.place, Fault::Needs { key, any });
        }
        let word = algorithm??;
        let (word, algorithm) = ALGORITHMS.into_iter().find(|(name, _)| *name == word)?;
        let material = self.material(entry, word, algorithm)?;
        Some(KeySettings {
            kid: kid?,
            algorithm,
            material,
            tenant: tenant?.and_then(|tenant| TenantId::parse(&tenant).ok()),
        })
    }

    /// A field that is text and keeps a rule: `None` when it breaks it, `Some(None)` when it is not there.
    fn word(&mut self, entry: &ForeignEntry, name: &str, rule: Rule) -> Option<Option<String>> {
        let Some((raw, place)) = field(entry, name) else {
            return Some(None);
        };
        let keeps = |text: &&str| {
            if let Rule::Choice(words) = rule {
                words.contains(text)
            } else {
                !text.is_empty() && (rule != Rule::Tenant || TenantId::parse(text).is_ok())
            }
        };
        if let Some(text) = raw.text().filter(keeps) {
            return Some(Some(text.to_owned()));
        }
        let fault = Fault::NotAllowed {
            key: format!("{FOREIGN_KEYS}.{name}"),
            given: Some(raw.shown()),
            rule,
        };
        self.refuse(&place, fault)
    }

    fn material(
        &mut self,
        entry: &ForeignEntry,
        word: &'static str,
        algorithm: Algorithm,
    ) -> Option<KeyMaterial> {
        const SECRET_WAYS: [(&str, Way); 3] = [
            ("secret", Way::Here),
            ("secret_file", Way::File),
            ("secret_env", Way::Variable),
        ];
        const PUBLIC_WAYS: [(&str, Way); 2] = [("public_key", Way::Here), ("public_key_file", Way::File)];
        let shared = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => true,
            Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => false,
        };
        let (ways, wrong): (&[_], &[_]) = if shared {
            (&SECRET_WAYS, &PUBLIC_WAYS)
        } else {
            (&PUBLIC_WAYS, &SECRET_WAYS)
        };
        for (name, _) in wrong {
            if let Some((_, place)) = field(entry, name) {
                let fault = Fault::WrongMaterial {
                    key: format!("{FOREIGN_KEYS}.{name}"),
                    algorithm: word,
                    instead: if shared {
                        "`secret`, `secret_file` or `secret_env`"
                    } else {
                        "`public_key` or `public_key_file`"
                    },
                };
                return self.refuse(&place, fault);
            }
        }
        let mut found = ways
            .iter()
            .filter_map(|(name, way)| field(entry, name).map(|(raw, place)| (*name, *way, raw, place)));
        let names = || {
            ways.iter()
                .map(|(name, _)| format!("{FOREIGN_KEYS}.{name}"))
                .collect()
        };
        let (name, way, raw, place) = match (found.next(), found.next()) {
            (Some(only), None) => only,
            (Some(_), Some((_, _, _, place))) => return self.refuse(&place, Fault::OneOf { keys: names() }),
            (None, _) => {
                let (key, any) = (FOREIGN_KEYS.to_owned(), names());
                return self.refuse(&entry.place, Fault::Needs { key, any });
            }
        };
        let key = format!("{FOREIGN_KEYS}.{name}");
        if shared {
            self.secret(&key, way, &raw, &place).map(KeyMaterial::Secret)
        } else {
            self.public_key(&key, way, &raw, &place)
        }
    }

    fn public_key(&mut self, key: &str, way: Way, raw: &Raw, place: &Place) -> Option<KeyMaterial> {
        let text = match (way, raw.text()) {
            (Way::File, Some(path)) => self.file(key, path, place)?,
            (_, text) => text.unwrap_or_default().to_owned(),
        };
        let key = key.to_owned();
        if text.contains("PRIVATE KEY-----") {
            return self.refuse(place, Fault::PrivateKey { key });
        }
        if !text.contains("-----BEGIN ") || !text.contains("PUBLIC KEY-----") {
            return self.refuse(place, Fault::NotPem { key });
        }
        Some(KeyMaterial::PublicPem(text))
    }
}

fn field(entry: &ForeignEntry, name: &str) -> Option<(Raw, Place)> {
    entry
        .fields
        .iter()
        .find(|(field, _, _)| field == name)
        .map(|(_, value, place)| (Raw::Toml(value.clone()), place.clone()))
}
