//! The application's database over TLS: who is believed, and who is not.

use std::path::Path;

use charla_server::settings::DatabaseTls;

use super::*;
use crate::broker_contract::Authority;
use crate::encrypted::{Encrypted, folder, signed};

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
    let Encrypted {
        cluster,
        address,
        authority,
        ..
    } = &Encrypted::start();
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
