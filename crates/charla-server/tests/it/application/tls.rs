//! The application's database over TLS: who is believed, and who is not.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use charla_server::settings::DatabaseTls;
use uuid::Uuid;

use super::*;
use crate::broker_contract::Authority;
use crate::cluster;

/// A folder that a server under another user may read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Nobody else's: each server has the usual port there.
fn address() -> String {
    let [one, two, three, ..] = Uuid::new_v4().into_bytes();
    format!("127.{}.{two}.{}", 64 + one % 64, 1 + three % 250)
}

/// A certificate for a name, and the key as a server under this user wants it.
fn signed(authority: &Authority, name: &str, user: Option<u32>) -> (PathBuf, PathBuf) {
    let (certificate, key) = authority.signed("server", name, |_| {});
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    chown(&key, user, None).unwrap();
    (certificate, key)
}

fn way(url: &str, tls: Option<DatabaseTls>, ca_file: Option<&Path>) -> Application {
    let settings = ApplicationSettings {
        database_url: Some(ApplicationUrl::parse(url).unwrap()),
        timeout: Duration::from_secs(20),
        tls,
        ca_file: ca_file.map(Path::to_owned),
        ..ApplicationSettings::default()
    };
    Application::open(&settings).unwrap().unwrap()
}

/// Whether a way leads there, and is encrypted; else the words.
async fn asked(application: &Application) -> Result<bool, String> {
    let sql = match application.kind() {
        DatabaseKind::Postgres => "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        DatabaseKind::Mysql => {
            "SELECT VARIABLE_VALUE <> '' AS ssl_on FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"
        }
        DatabaseKind::Sqlite => panic!("a file"),
    };
    match ask(application, None, sql, &[]).await {
        Ok(rows) => Ok(rows[0].values()[0].truth().unwrap()),
        Err(ApplicationError::Unavailable(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_is_spoken_to_over_tls() {
    let (folder, address) = (folder(), address());
    let authority = Authority::new(folder.path());
    let user = cluster::owner().map(|(user, _)| user);
    let (certificate, key) = signed(&authority, &address, user);
    let options = [
        format!("listen_addresses={address}"),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", certificate.display()),
        format!("ssl_key_file={}", key.display()),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let cluster = tokio::task::block_in_place(|| Cluster::start_with(&options));
    let database = cluster.database().await;
    let (url, ca) = (
        format!("postgres://charla@{address}/{database}"),
        authority.file(),
    );
    for (url, tls, ca_file, encrypted) in [
        (url.clone(), Some(DatabaseTls::VerifyFull), Some(&*ca), true),
        (url.clone(), Some(DatabaseTls::Require), None, true),
        (format!("{url}?sslmode=require"), None, None, true),
        (
            format!("{url}?sslmode=require"),
            Some(DatabaseTls::VerifyFull),
            Some(&*ca),
            true,
        ),
        (url.clone(), None, None, false),
        (
            format!("{url}?sslmode=require"),
            Some(DatabaseTls::Off),
            None,
            false,
        ),
    ] {
        let application = way(&url, tls, ca_file);
        assert_eq!(asked(&application).await, Ok(encrypted), "{url} {tls:?}");
    }
    let elsewhere = format!("postgres://charla@/{database}?host=db.example.org&hostaddr={address}");
    for (url, ca_file, words) in [
        (url.clone(), None, "UnknownIssuer"),
        (elsewhere, Some(&*ca), "not valid for name"),
        (cluster.address(&database), Some(&*ca), ""),
    ] {
        let application = way(&url, Some(DatabaseTls::VerifyFull), ca_file);
        let why = asked(&application).await.unwrap_err();
        assert!(why.contains(words), "{url}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_is_spoken_to_over_tls() {
    let folder = folder();
    let authority = Authority::new(folder.path());
    let (certificate, key) = signed(&authority, "127.0.0.1", mariadb::owner());
    let options = vec![
        format!("--ssl-cert={}", certificate.display()),
        format!("--ssl-key={}", key.display()),
        format!("--ssl-ca={}", authority.file().display()),
    ];
    let server = tokio::task::block_in_place(|| Mariadb::start_with(options));
    let (url, ca) = (server.url(), authority.file());
    let insists = format!("{url}?require_ssl=true&verify_ca=false");
    for (url, tls, ca_file, encrypted) in [
        (&url, Some(DatabaseTls::VerifyFull), Some(&*ca), true),
        (&url, Some(DatabaseTls::Require), None, true),
        (&insists, None, None, true),
        (&url, None, None, false),
        (&insists, Some(DatabaseTls::Off), None, false),
    ] {
        let application = way(url, tls, ca_file);
        assert_eq!(asked(&application).await, Ok(encrypted), "{url} {tls:?}");
    }
    let elsewhere = url.replace("127.0.0.1", "localhost");
    for (url, ca_file) in [(&url, None), (&elsewhere, Some(&*ca))] {
        let application = way(url, Some(DatabaseTls::VerifyFull), ca_file);
        assert!(asked(&application).await.is_err(), "{url}");
    }
}
