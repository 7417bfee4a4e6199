//! Sessions in a Redis that speaks TLS and knows its users.

use charla_server::settings::load;

use super::{FROM_PAGE, Site, asked, cause, serve};
use crate::broker_contract::Authority;
use crate::bus::{Program, free_port};

const PASSWORD: &str = "the-cache-is-locked";

#[tokio::test]
async fn sessions_come_from_a_cache_behind_tls_and_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (port, tls) = (free_port(), free_port());
    let options = authority.options("--", tls).join(" ");
    // Django fills it in the clear; Charla may ask there for no more than it needs.
    let rights = format!("--user charla on >{PASSWORD} ~:1:* +get +pttl +select +hello +client|setname");
    let redis = Program::start(
        "redis-server",
        port,
        &format!("--port {port} --save --appendonly no {options} {rights}"),
    );
    let site = Site::make_with(redis);
    std::fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    let toml = |url: &str, more: &str| site.toml("cache", &format!("cache_url = \"{url}\"\n{more}"));
    let files = format!(
        "cache_password_file = \"{}\"\ncache_ca_file = \"{}\"",
        folder.path().join("password").display(),
        authority.file().display()
    );
    let good = toml(&format!("rediss://charla@127.0.0.1:{tls}/1"), &files);
    let serving = serve(site.load(&good)).await;
    // Twice: the second question goes over what is open already.
    for name in ["cache", "long_cache", "cache"] {
        let reply = asked(&serving, site.text(name), &[FROM_PAGE]).await;
        assert_eq!(
            reply.json()["user"]["id"],
            site.made["user"],
            "{name}: {}",
            reply.json()
        );
    }
    let reply = asked(&serving, "thereisnosuchsessionoranybody123", &[FROM_PAGE]).await;
    assert_eq!(cause(&reply), "session_invalid", "{}", reply.json());
    // Started anew it has forgotten the sessions, and closed what was open: an answer, not a failure.
    site.redis.kill();
    site.redis.run();
    let reply = asked(&serving, site.text("cache"), &[FROM_PAGE]).await;
    assert_eq!(cause(&reply), "session_invalid", "{}", reply.json());
    drop(serving);

    let unsigned = files.lines().next().unwrap();
    let unbelieved = toml(&format!("rediss://charla@127.0.0.1:{tls}/1"), unsigned);
    std::fs::write(folder.path().join("wrong"), "another").unwrap();
    let stranger = toml(
        &format!("rediss://charla@127.0.0.1:{tls}/1"),
        &format!(
            "cache_ca_file = \"{}\"\ncache_password_file = \"{}\"",
            authority.file().display(),
            folder.path().join("wrong").display()
        ),
    );
    for toml in [unbelieved, stranger] {
        let serving = serve(site.load(&toml)).await;
        let reply = asked(&serving, site.text("cache"), &[FROM_PAGE]).await;
        assert_eq!(cause(&reply), "authority_unavailable", "{toml}: {}", reply.json());
    }

    let shown = toml(&format!("rediss://charla:{PASSWORD}@127.0.0.1:{tls}/1"), "");
    let file = folder.path().join("charla.toml");
    std::fs::write(&file, shown).unwrap();
    let problems = load(Some(&file), std::iter::empty(), &[]).unwrap_err();
    let told = format!("{problems:?} {}", problems[0]);
    assert!(told.contains("auth.django.cache_password_file"), "{told}");
    assert!(!told.contains(PASSWORD), "{told}");
}
