//! `[attachments]` and `[attachments.s3]`: where the files of messages lie, which are taken, and how long addresses hold.

use std::path::PathBuf;
use std::time::Duration;

use charla_wire::attachment::media_type;
use secrecy::SecretString;

use super::load::Loaded;
use super::problem::{Fault, Problem};
use super::rule::Rule;
use super::slot::{Raw, Slot};

/// `[attachments]`
#[derive(Debug, Clone)]
pub struct AttachmentSettings {
    /// Where this server keeps files itself.
    pub directory: Option<PathBuf>,
    /// The bucket that keeps them instead.
    pub s3: S3Settings,
    /// Bytes of one file.
    pub max_bytes: usize,
    /// Which types are taken.
    pub types: MediaTypes,
    /// Files of one message.
    pub max_per_message: usize,
    /// Bytes that one user may announce within a day; 0: no limit.
    pub bytes_per_day_per_user: usize,
    /// How long an upload's address holds.
    pub upload_within: Duration,
    /// How long a download's address holds.
    pub download_within: Duration,
    /// How long a file waits to be sent.
    pub unsent_after: Duration,
}

/// `[attachments.s3]`
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Scheme, host and port.
    pub endpoint: Option<String>,
    /// What signatures name.
    pub region: String,
    /// The bucket.
    pub bucket: Option<String>,
    /// The key's id.
    pub access_key_id: Option<String>,
    /// The key's secret.
    pub secret: Option<SecretString>,
}

/// Media types, each whole (`application/pdf`) or of one kind (`image/*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTypes(Vec<String>);

impl MediaTypes {
    /// Whether a media type is one of them.
    #[must_use]
    pub fn take(&self, media_type: &str) -> bool {
        let kind = media_type.split('/').next().unwrap_or_default();
        let is_one = |taken: &String| {
            taken == media_type || taken.strip_suffix("/*").is_some_and(|taken| taken == kind)
        };
        self.0.iter().any(is_one)
    }
}

impl Slot for MediaTypes {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let types = raw.texts()?;
        let is_type = |text: &String| match text.strip_suffix("/*") {
            Some(kind) => media_type(&format!("{kind}/x")).is_some_and(|read| read == format!("{kind}/x")),
            None => media_type(text).is_some_and(|read| read == *text),
        };
        if types.is_empty() || !types.iter().all(is_type) {
            return None;
        }
        self.0 = types;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        let quoted: Vec<String> = self.0.iter().map(|text| format!("{text:?}")).collect();
        Some(format!("[{}]", quoted.join(", ")))
    }
}

impl Default for AttachmentSettings {
    fn default() -> Self {
        let types = [
            "image/png",
            "image/jpeg",
            "image/gif",
            "image/webp",
            "application/pdf",
            "text/plain",
        ];
        Self {
            directory: None,
            s3: S3Settings::default(),
            max_bytes: 25 * 1024 * 1024,
            types: MediaTypes(types.map(str::to_owned).to_vec()),
            max_per_message: 10,
            bytes_per_day_per_user: 1024 * 1024 * 1024,
            upload_within: Duration::from_secs(15 * 60),
            download_within: Duration::from_secs(10 * 60),
            unsent_after: Duration::from_secs(24 * 3600),
        }
    }
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: "us-east-1".into(),
            bucket: None,
            access_key_id: None,
            secret: None,
        }
    }
}

/// Files have one place, and a bucket has all that it needs.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    const ENDPOINT: &str = "attachments.s3.endpoint";
    let attachments = &loaded.settings.attachments;
    let s3 = &attachments.s3;
    let Some(endpoint) = &s3.endpoint else { return };
    let mut fault = |fault| problems.push(Problem::new(&loaded.place(ENDPOINT), fault));
    if attachments.directory.is_some() {
        let keys = ["attachments.directory", ENDPOINT].map(str::to_owned).to_vec();
        fault(Fault::OneOf { keys });
    }
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        fault(Fault::NotAllowed {
            key: ENDPOINT.to_owned(),
            given: Some(format!("{endpoint:?}")),
            rule: Rule::Origin,
        });
    }
    let secrets = ["secret_file", "secret_env"].map(|name| format!("attachments.s3.{name}"));
    for (is_missing, any) in [
        (s3.bucket.is_none(), vec!["attachments.s3.bucket".to_owned()]),
        (
            s3.access_key_id.is_none(),
            vec!["attachments.s3.access_key_id".to_owned()],
        ),
        (s3.secret.is_none(), secrets.to_vec()),
    ] {
        if is_missing {
            let key = ENDPOINT.to_owned();
            fault(Fault::Needs { key, any });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::loaded;

    #[test]
    fn types_are_whole_or_of_a_kind() {
        let text = "[attachments]\ntypes = [\"image/*\", \"application/pdf\"]\n";
        let types = loaded(text).unwrap().attachments.types;
        for (media_type, taken) in [
            ("image/png", true),
            ("image/svg+xml", true),
            ("application/pdf", true),
            ("application/pdfx", false),
            ("imagex/png", false),
            ("text/html", false),
        ] {
            assert_eq!(types.take(media_type), taken, "{media_type}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let s3 = "[attachments.s3]\nendpoint = \"https://s3.example.org\"\n";
        for (text, why) in [
            ("[attachments]\ntypes = [\"*/*\"]", "attachments.types"),
            ("[attachments]\ntypes = []", "attachments.types"),
            ("[attachments]\ntypes = [\"Image/PNG\"]", "small letters"),
            ("[attachments]\nmax_bytes = 0", "attachments.max_bytes"),
            (
                "[attachments]\nmax_per_message = 0",
                "attachments.max_per_message",
            ),
            (
                "[attachments]\nunsent_after = \"60s\"",
                "at least `attachments.upload_within`",
            ),
            (s3, "needs `attachments.s3.bucket`"),
            (s3, "needs `attachments.s3.access_key_id`"),
            (
                s3,
                "needs `attachments.s3.secret_file` or `attachments.s3.secret_env`",
            ),
            (
                &format!("[attachments]\ndirectory = \"x\"\n{s3}"),
                "give only one of `attachments.directory` and `attachments.s3.endpoint`",
            ),
            (
                "[attachments.s3]\nendpoint = \"https://s3.example.org/bucket\"",
                "without a path",
            ),
            ("[attachments.s3]\nendpoint = \"ftp://s3.example.org\"", "ftp"),
            ("[attachments.s3]\nsecret = \"short\"", "16 bytes"),
        ] {
            let said = loaded(text).unwrap_err();
            assert!(said.contains(why), "{why}: {said}");
        }
    }
}
