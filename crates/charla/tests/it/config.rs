//! `charla config`, and settings that stop a start.

use crate::running::{charla, finish, run};

fn file_with(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charla.toml");
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

#[test]
fn the_default_file_has_no_mistakes() {
    let printed = run(&["config", "default"]);
    assert_eq!(printed.code, 0);
    let (_folder, file) = file_with(&printed.out);
    let checked = run(&["config", "check", "--config", &file]);
    assert_eq!((checked.code, checked.out), (0, format!("{file}: no mistakes\n")));
}

#[test]
fn check_tells_all_mistakes_and_ends_with_1() {
    let (_folder, file) = file_with("[server]\nlistn = 1\n[store]\ngroup_max = 0\n");
    let checked = run(&["config", "check", "--config", &file]);
    assert_eq!(checked.code, 1);
    assert_eq!(
        checked.lines(),
        [
            format!("{file}:2: unknown key `server.listn`; did you mean `server.listen`?"),
            format!("{file}:4: `store.group_max` cannot be 0; allowed: 1 to 65536"),
        ]
    );
    let spanish = run(&["--lang", "es", "config", "check", "--config", &file]);
    assert!(
        spanish.out.contains("¿quisiste decir `server.listen`?"),
        "{spanish:?}"
    );
}

#[test]
fn check_reads_the_keys_as_a_start_would() {
    let pem = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEA\\n-----END PUBLIC KEY-----";
    let (_folder, file) = file_with(&format!(
        "[[auth.keys]]\nkid = \"k\"\nalgorithm = \"EdDSA\"\npublic_key = \"{pem}\"\n"
    ));
    let checked = run(&["config", "check", "--config", &file]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(
        checked.out.contains("auth.keys") && checked.out.contains("not a public key for EdDSA"),
        "{checked:?}"
    );
}

#[test]
fn check_reads_the_files_that_a_start_would_read() {
    let (folder, file) = file_with(
        "[server]\ntls_cert_file = \"cert.pem\"\ntls_key_file = \"/nowhere/key.pem\"\n[broker]\nurl = \"rediss://bus\"\nca_file = \"\"\n",
    );
    let checked = run(&["config", "check", "--config", &file]);
    let missing = "cannot be read: No such file or directory (os error 2)";
    let beside = folder.path().display();
    assert_eq!(checked.code, 1);
    assert_eq!(
        checked.lines(),
        [
            format!("{file}:2: `server.tls_cert_file`: {beside}/cert.pem {missing}"),
            format!("{file}:3: `server.tls_key_file`: /nowhere/key.pem {missing}"),
        ]
    );
    for name in ["cert.pem", "key.pem"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let (_folder, file) = file_with(&format!(
        "[server]\ntls_cert_file = \"{0}/cert.pem\"\ntls_key_file = \"{0}/key.pem\"\n",
        folder.path().display()
    ));
    assert_eq!(run(&["config", "check", "--config", &file]).code, 0);
}

#[test]
fn mistakes_stop_a_start_with_2() {
    let (_folder, file) = file_with("[server]\nlistn = 1\n");
    let served = run(&["serve", "--config", &file, "--set", "log.format=xml"]);
    assert_eq!((served.code, served.out.as_str()), (2, ""));
    assert!(
        served.err.contains("charla.toml:2: unknown key `server.listn`"),
        "{served:?}"
    );
    assert!(
        served
            .err
            .contains("--set log.format: `log.format` cannot be \"xml\""),
        "{served:?}"
    );
    assert!(
        served
            .err
            .contains("2 mistake(s) in the settings; nothing was started"),
        "{served:?}"
    );
}

#[test]
fn show_says_where_each_value_came_from_and_hides_secrets() {
    let secret = "0123456789abcdef0123456789abcdef";
    let (_folder, file) = file_with(&format!(
        "[server]\ndrain = \"9s\"\n[auth]\nsecret = \"{secret}\"\n"
    ));
    let mut command = charla(&["config", "show", "--config", &file, "--set", "log.filter=debug"]);
    let shown = finish(command.env("CHARLA_PLAIN_BARE_TEXT", "true"), b"");
    assert_eq!(shown.code, 0, "{shown:?}");
    let line = |key: &str| {
        let found = shown
            .out
            .lines()
            .find(|line| line.split_whitespace().next() == Some(key));
        let words: Vec<&str> = found.unwrap_or_default().split_whitespace().skip(2).collect();
        words.join(" ")
    };
    assert_eq!(line("server.drain"), format!("\"9s\" # {file}:2"));
    assert_eq!(line("plain.bare_text"), "true # CHARLA_PLAIN_BARE_TEXT");
    assert_eq!(line("log.filter"), "\"debug\" # --set log.filter");
    assert_eq!(line("server.listen"), "\"127.0.0.1:9001\" # default");
    assert_eq!(line("auth.secret"), format!("(hidden) # {file}:4"));
    assert!(!shown.out.contains(secret));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let checked = run(&["config", "check", "--config", "/nowhere/charla.toml"]);
    assert_eq!(checked.code, 1);
    assert_eq!(
        checked.out,
        "/nowhere/charla.toml: cannot be read: No such file or directory (os error 2)\n"
    );
}
