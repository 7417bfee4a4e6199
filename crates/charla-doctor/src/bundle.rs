//! Evidence as one file: taken along from the machine that fails, judged on another.
//!
//! It is JSON that a person can read before sending it. There is no secret in it, because there is none in [`Evidence`].

use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, SCHEMA};

/// What the file calls itself.
const KIND: &str = "charla-doctor-bundle";
/// Larger files are no bundles of ours.
pub const SIZE_MAX: usize = 2 << 20;

#[derive(Serialize, Deserialize)]
struct Bundle {
    kind: String,
    schema: u32,
    made_by: String,
    evidence: Evidence,
}

/// Why a file is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Something else.
    #[error("not a bundle of `charla doctor collect`")]
    Foreign,
    /// Larger than [`SIZE_MAX`].
    #[error("larger than {SIZE_MAX} bytes")]
    TooLarge,
    /// Of a newer version.
    #[error("made by a newer version ({made_by}, schema {schema}; this one reads up to {SCHEMA})")]
    Newer {
        /// The version.
        made_by: String,
        /// Its schema.
        schema: u32,
    },
    /// Damaged.
    #[error("damaged: {0}")]
    Damaged(serde_json::Error),
}

/// The bundle's bytes, at most [`SIZE_MAX`]: what is only there to be read goes first when it is too large.
///
/// # Errors
/// [`BundleError::TooLarge`] when what the checks need is too large by itself; [`BundleError::Damaged`] never in practice.
pub fn write(evidence: &Evidence, made_by: &str) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Bundle {
        kind: KIND.into(),
        schema: SCHEMA,
        made_by: made_by.into(),
        evidence: evidence.clone(),
    };
    for _ in 0..2 {
        let bytes = serde_json::to_vec_pretty(&bundle).map_err(BundleError::Damaged)?;
        if bytes.len() <= SIZE_MAX {
            return Ok(bytes);
        }
        trim(&mut bundle.evidence);
    }
    Err(BundleError::TooLarge)
}

/// Leaves out what no check looks at, and all but one quote of a kind.
fn trim(evidence: &mut Evidence) {
    if let Some(location) = evidence.nginx.as_mut().and_then(|nginx| nginx.location.as_mut()) {
        location.rest.clear();
    }
    for seen in evidence.logs.signs.values_mut() {
        seen.quotes.truncate(1);
    }
    evidence.logs.lifetimes.by_second.retain(|_, count| *count > 1);
}

/// Whether bytes look like a bundle: they start with an object that names its kind.
#[must_use]
pub fn is_bundle(bytes: &[u8]) -> bool {
    let start = bytes.get(..200).unwrap_or(bytes);
    String::from_utf8_lossy(start).contains(KIND)
}

/// The evidence in a bundle.
///
/// # Errors
/// [`BundleError`] says why it is none, or none that can be read.
pub fn read(bytes: &[u8]) -> Result<Evidence, BundleError> {
    if bytes.len() > SIZE_MAX {
        return Err(BundleError::TooLarge);
    }
    if !is_bundle(bytes) {
        return Err(BundleError::Foreign);
    }
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(BundleError::Damaged)?;
    let schema = value
        .get("schema")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default();
    if schema > u64::from(SCHEMA) {
        let made_by = value
            .get("made_by")
            .and_then(|made_by| made_by.as_str())
            .unwrap_or("?")
            .to_owned();
        return Err(BundleError::Newer {
            made_by,
            schema: u32::try_from(schema).unwrap_or(u32::MAX),
        });
    }
    let bundle: Bundle = serde_json::from_value(value).map_err(BundleError::Damaged)?;
    Ok(bundle.evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Target;

    fn evidence() -> Evidence {
        Evidence {
            schema: SCHEMA,
            taken_at: 1_795_000_000.5,
            target: Some(Target {
                url: "ws://127.0.0.1:9001/ws/chat/5/?token=***".into(),
                port: 9001,
                ..Target::default()
            }),
            ..Evidence::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&evidence(), "charla 0.1.0").unwrap();
        assert_eq!(read(&bytes).unwrap(), evidence());
    }

    #[test]
    fn other_files_are_told_apart() {
        assert!(matches!(read(b"{}"), Err(BundleError::Foreign)));
        assert!(matches!(
            read(&vec![b' '; SIZE_MAX + 1]),
            Err(BundleError::TooLarge)
        ));
        let newer = br#"{"kind":"charla-doctor-bundle","schema":99,"made_by":"charla 9.0.0","evidence":{}}"#;
        assert!(matches!(read(newer), Err(BundleError::Newer { schema: 99, .. })));
        let damaged = br#"{"kind":"charla-doctor-bundle","schema":1,"made_by":"x","evidence":{"hops":7}}"#;
        assert!(matches!(read(damaged), Err(BundleError::Damaged(_))));
    }
}
