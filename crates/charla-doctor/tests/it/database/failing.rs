//! A database that does not let the doctor in.

use super::*;

pub(super) async fn ways_to_fail(cluster: &Cluster) {
    let fault = async |url: &str| {
        let seen = look(&sought(url, "5", "1"), Duration::from_millis(1_500))
            .await
            .unwrap();
        assert!(!format!("{seen:?}").contains(PASSWORD), "{seen:?}");
        (seen.fault, seen.unreachable)
    };
    assert_eq!(
        fault(&cluster.url("postgres", "wrong")).await,
        (Some(DatabaseFault::Password), false)
    );
    assert_eq!(
        fault(&cluster.url("nothing", PASSWORD)).await,
        (Some(DatabaseFault::NoDatabase), false)
    );
    let nobody = tempfile::tempdir().unwrap();
    let nowhere = format!(
        "postgres://charla:{PASSWORD}@/postgres?host={}",
        nobody.path().display()
    );
    assert_eq!(fault(&nowhere).await, (Some(DatabaseFault::Unreachable), true));
    assert_eq!(
        fault(&format!("postgres://charla:{PASSWORD}@127.0.0.1:1/postgres")).await,
        (Some(DatabaseFault::Unreachable), true)
    );
    let url = cluster.url("postgres", PASSWORD);
    let mut taken = Vec::new();
    while let Ok((client, driver)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
        taken.push((client, tokio::spawn(driver)));
    }
    assert_eq!(fault(&url).await, (Some(DatabaseFault::Full), false));
    drop(taken);
    cluster.signal_all(Signal::STOP);
    assert_eq!(fault(&url).await, (Some(DatabaseFault::Silent), true));
    assert!(cluster.folder().exists());
}
