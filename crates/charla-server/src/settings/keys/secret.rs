//! Secrets, each with the three keys that can give it.

use secrecy::SecretString;

use super::{Key, Settings};

/// Secrets that can be given in three ways, each by the key that stands for all three: `auth.secret` for
/// `auth.secret_file` and `auth.secret_env` too.
pub(in crate::settings) const SECRETS: [Secret; 4] = [
    Secret {
        path: "auth.secret",
        slot: |s| &mut s.auth.secret,
    },
    Secret {
        path: "auth.django.secret",
        slot: |s| &mut s.auth.django.secret,
    },
    Secret {
        path: "authority.secret",
        slot: |s| &mut s.authority.secret,
    },
    Secret {
        path: "attachments.s3.secret",
        slot: |s| &mut s.attachments.s3.secret,
    },
];

/// A secret's key and place.
pub(in crate::settings) struct Secret {
    /// The key.
    pub(in crate::settings) path: &'static str,
    /// Where it goes.
    pub(in crate::settings) slot: fn(&mut Settings) -> &mut Option<SecretString>,
}

impl Secret {
    /// Whether a key is one of the ways to give it.
    pub(in crate::settings) fn is_given_by(&self, key: &Key) -> bool {
        key.gives_secret()
            && key
                .path
                .strip_prefix(self.path)
                .is_some_and(|rest| matches!(rest, "" | "_file" | "_env"))
    }
}
