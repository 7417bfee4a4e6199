//! Databases that speak TLS over an address of their own, with a certificate that a test's authority signed for it.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;

use tempfile::TempDir;
use uuid::Uuid;

use crate::broker_contract::Authority;
use crate::cluster::{Cluster, owner};

/// A PostgreSQL that speaks TLS to whoever asks for it.
pub(crate) struct Encrypted {
    pub(crate) cluster: Cluster,
    /// Where it listens, on the usual port.
    pub(crate) address: String,
    pub(crate) authority: Authority,
    _folder: TempDir,
}

impl Encrypted {
    pub(crate) fn start() -> Self {
        Self::letting_in("local all all trust\nhost all all all trust\n")
    }

    /// Whom it lets in is said in the words of pg_hba.conf.
    pub(crate) fn letting_in(rules: &str) -> Self {
        let (folder, address) = (folder(), address());
        let authority = Authority::new(folder.path());
        let (certificate, key) = signed(&authority, &address, owner().map(|(user, _)| user));
        let hba = folder.path().join("pg_hba.conf");
        std::fs::write(&hba, rules).unwrap();
        let options = [
            format!("hba_file={}", hba.display()),
            format!("listen_addresses={address}"),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let cluster = tokio::task::block_in_place(|| Cluster::start_with(&options));
        Self {
            cluster,
            address,
            authority,
            _folder: folder,
        }
    }
}

/// A folder that a server under another user may read.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Nobody else's: each server has the usual port there.
pub(crate) fn address() -> String {
    let [one, two, three, ..] = Uuid::new_v4().into_bytes();
    format!("127.{}.{two}.{}", 64 + one % 64, 1 + three % 250)
}

/// A certificate for a name, and the key as a server under this user wants it.
pub(crate) fn signed(authority: &Authority, name: &str, user: Option<u32>) -> (PathBuf, PathBuf) {
    let (certificate, key) = authority.signed("server", name, |_| {});
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    chown(&key, user, None).unwrap();
    (certificate, key)
}
