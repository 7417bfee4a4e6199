//! What the binary says about itself: version, help, causes, completions, manual pages.

use std::time::{Duration, Instant};

use charla_wire::Cause;

use crate::running::run;

#[test]
fn the_version_is_said_at_once() {
    let quickest = (0..5)
        .map(|_| {
            let before = Instant::now();
            assert_eq!(
                run(&["--version"]).out,
                format!("charla {}\n", env!("CARGO_PKG_VERSION"))
            );
            before.elapsed()
        })
        .min();
    // 20 ms is the bar of the release build; this one is not optimised, and the machine may be busy.
    assert!(quickest < Some(Duration::from_millis(500)), "{quickest:?}");
}

#[test]
fn every_command_has_help_with_an_example() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "demo",
        "serve",
        "connect",
        "causes",
        "storm",
        "config",
        "tenant",
        "user",
        "chat",
        "token",
        "key",
        "completions",
        "man",
    ] {
        assert!(
            help.out.contains(&format!("\n  {command} ")),
            "{command}: {}",
            help.out
        );
        let own = run(&[command, "--help"]);
        assert!(
            own.out.contains("Examples:") && own.out.contains(&format!("charla {command}")),
            "{}",
            own.out
        );
    }
    for words in [
        &["user", "add"][..],
        &["chat", "members", "add"],
        &["config", "check"],
    ] {
        let mut arguments = words.to_vec();
        arguments.push("--help");
        let own = run(&arguments);
        assert!(own.out.contains("Examples:"), "{}", own.out);
    }
    assert!(
        help.out.contains("\n  doctor ") && help.out.contains("\n  explain "),
        "{}",
        help.out
    );
}

#[test]
fn causes_are_told_in_both_languages() {
    let all = run(&["causes"]);
    for cause in Cause::ALL {
        assert!(all.out.contains(&format!("  {} ", cause.id())), "{cause}");
    }
    let one = run(&["causes", "not_a_member", "--lang", "es"]);
    let words = Cause::NotAMember.words(charla_wire::Lang::Es);
    assert_eq!(one.lines()[0], format!("not_a_member  {}", words.title));
    assert!(
        one.out.contains("4403") && one.out.contains(words.explain),
        "{one:?}"
    );

    let listed = run(&["causes", "--json"]).json();
    assert_eq!(listed["causes"].as_array().unwrap().len(), Cause::ALL.len());
    let expired = run(&["causes", "token_expired", "--json"]).json();
    assert_eq!(
        (&expired["code"], &expired["retry"]),
        (&4401.into(), &"refresh".into())
    );

    let typo = run(&["causes", "token_expird"]);
    assert_eq!(typo.code, 2);
    assert_eq!(
        typo.err,
        "error: there is no cause `token_expird`; did you mean `token_expired`?\n"
    );
}

#[test]
fn completions_and_manual_pages_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains("connect"), "{shell}");
    }
    let page = run(&["man"]);
    assert!(
        page.out.contains(".TH") && page.out.contains("connect"),
        "{page:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let written = run(&["man", "--dir", folder.path().to_str().unwrap()]);
    assert_eq!(written.code, 0, "{written:?}");
    for name in ["charla.1", "charla-connect.1", "charla-chat-members.1"] {
        assert!(folder.path().join(name).exists(), "{name}: {written:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["nonsense"][..],
        &["connect"],
        &["serve", "--set", "nonsense"],
        &["causes", "--lang", "fr"],
    ] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}
