//! `charla connect` against a demo.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use crate::running::{Demo, charla, run, run_with, run_with_bytes};

#[test]
fn lines_out_of_a_pipe_are_said_in_order_and_come_back() {
    let demo = Demo::start();
    let lines: String = (1..=30).map(|number| format!("line {number}\n")).collect();
    let said = run_with(
        &["connect", demo.text("ws_url"), "--token", demo.token("ana")],
        &lines,
    );
    assert_eq!(said.code, 0, "{said:?}");
    let texts: Vec<_> = said
        .lines()
        .iter()
        .filter_map(|line| line.split(" Ana: ").nth(1))
        .map(str::to_owned)
        .collect();
    let expected: Vec<_> = (1..=30).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected);
    assert!(said.err.contains("connected as Ana (tenant demo"), "{said:?}");

    let read = run_with(
        &[
            "connect",
            demo.text("url"),
            "--chat",
            "5",
            "--token",
            demo.token("luis"),
        ],
        "/history 2\n",
    );
    let texts: Vec<_> = read
        .lines()
        .iter()
        .filter_map(|line| line.split(" Ana: ").nth(1))
        .map(str::to_owned)
        .collect();
    assert_eq!(texts, ["line 29", "line 30"], "{read:?}");
}

#[test]
fn a_hurried_pipe_is_slowed_down_and_loses_nothing() {
    let demo = Demo::start();
    let lines: String = (1..=90).map(|number| format!("{number}\n")).collect();
    let said = run_with(
        &["connect", demo.text("ws_url"), "--token", demo.token("ana")],
        &lines,
    );
    assert_eq!(said.code, 0, "{said:?}");
    let texts: Vec<_> = said
        .lines()
        .iter()
        .filter_map(|line| line.split(" Ana: ").nth(1))
        .map(str::to_owned)
        .collect();
    let expected: Vec<_> = (1..=90).map(|number| number.to_string()).collect();
    assert_eq!(texts, expected);
}

#[test]
fn messages_are_edited_and_taken_back() {
    let demo = Demo::start();
    let input = "one\n/edit 1 uno\ntwo\n/delete 2\n/nonsense\n";
    let said = run_with(
        &["connect", demo.text("ws_url"), "--token", demo.token("ana")],
        input,
    );
    // One of the commands is none.
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.out.contains("#1 edited by Ana: uno"), "{said:?}");
    assert!(said.out.contains("#2 deleted by Ana"), "{said:?}");
    assert!(said.err.contains("there is no /nonsense"), "{said:?}");
    let read = run_with(
        &["connect", demo.text("ws_url"), "--token", demo.token("luis")],
        "/history\n",
    );
    assert!(
        read.out.contains("Ana: uno") && read.out.contains("Ana: (deleted)"),
        "{read:?}"
    );
}

#[test]
fn a_chat_is_entered_before_anything_is_said_in_it() {
    let demo = Demo::start();
    let (url, sofia) = (demo.text("url"), demo.token("sofia"));
    let input = "too early\n/join none\nstill none\n/join 5\nhola\n";
    let said = run_with(&["connect", url, "--token", sofia], input);
    // What could not be said is the exit code: the first line was for no chat.
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("no chat yet: /join CHAT"), "{said:?}");
    assert!(said.err.contains("not done: chat_not_found"), "{said:?}");
    let lines = said.lines();
    assert!(lines.len() == 1 && lines[0].ends_with(" Sofía: hola"), "{said:?}");
}

#[test]
fn a_pipe_learns_that_a_line_was_not_said() {
    let demo = Demo::start();
    let (url, ana) = (demo.text("url"), demo.token("ana"));
    let enter = ["connect", url, "--chat", "5", "--token", ana];
    let said = run_with(&enter, &format!("{}\nhola\n", "a".repeat(20_000)));
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains("not done: message_too_long"), "{said:?}");
    assert!(said.out.ends_with(" Ana: hola\n"), "{said:?}");
    // What is meant for another chat is not said in this one.
    let said = run_with(&enter, "/join none\nfor none only\n");
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:?}");
    assert_eq!(run_with(&enter, "/dance\n").code, 2);
}

#[test]
fn bytes_that_are_no_text_do_not_swallow_the_lines_after_them() {
    let demo = Demo::start();
    let enter = [
        "connect",
        demo.text("url"),
        "--chat",
        "5",
        "--token",
        demo.token("ana"),
    ];
    let said = run_with_bytes(&enter, b"uno\ncaf\xe9\ndos\n");
    let lines = said.lines();
    assert_eq!((said.code, lines.len()), (0, 3), "{said:?}");
    assert!(
        lines[1].ends_with(" Ana: caf\u{fffd}") && lines[2].ends_with(" Ana: dos"),
        "{said:?}"
    );
}

#[test]
fn a_name_and_a_password_will_do() {
    let demo = Demo::start();
    let (url, ana) = (demo.text("url"), ["--user", "ana"]);
    let said = run_with(
        &["connect", url, "--chat", "5", ana[0], ana[1], "--password", "ana"],
        "hola\n",
    );
    assert!(said.code == 0 && said.out.ends_with(" Ana: hola\n"), "{said:?}");
    // The first line is the password, the others are said.
    let said = run_with(
        &["connect", url, "--chat", "5", ana[0], ana[1], "--password-stdin"],
        "ana\notra\n",
    );
    assert!(said.code == 0 && said.out.ends_with(" Ana: otra\n"), "{said:?}");
    let refused = run(&[
        "connect",
        url,
        "--chat",
        "5",
        ana[0],
        ana[1],
        "--password",
        "nope",
    ]);
    assert!(
        refused.code != 0 && refused.err.contains("sign-in refused"),
        "{refused:?}"
    );
    // A server that is not there has its cause and its fix here too.
    let nowhere = "http://127.0.0.1:1";
    let unreached = run(&["connect", nowhere, ana[0], ana[1], "--password", "ana"]);
    assert_eq!(unreached.code, 6, "{unreached:?}");
    for words in ["127.0.0.1:1 cannot be reached", "Fix: ", "charla doctor"] {
        assert!(unreached.err.contains(words), "{words}: {unreached:?}");
    }
}

#[test]
fn the_plain_dialect_takes_bare_lines() {
    let demo = Demo::start();
    let address = format!("{}?token={}", demo.text("ws_url"), demo.token("luis"));
    let said = run_with(&["connect", &address, "--plain"], "hola\n");
    assert_eq!((said.code, said.out.as_str()), (0, "Luis: hola\n"), "{said:?}");
}

#[test]
fn a_refusal_has_its_cause_its_fix_and_its_code() {
    let demo = Demo::start();
    let (url, ana) = (demo.text("url"), demo.token("ana"));
    let rows = [
        (vec!["connect", url, "--chat", "5"], 3, "4401 token_missing"),
        (
            vec!["connect", url, "--chat", "5", "--token", "abc"],
            3,
            "4401 token_malformed",
        ),
        (
            vec!["connect", url, "--chat", "none", "--token", ana],
            4,
            "4404 chat_not_found",
        ),
        (
            vec!["connect", "ws://127.0.0.1:1/ws/chat/5/"],
            6,
            "127.0.0.1:1 cannot be reached",
        ),
        (vec!["connect", "ftp://h"], 2, "`ftp://h` is no address"),
        (vec!["connect", url, "--chat", "a b"], 2, "`a b` is no chat id"),
        (
            vec!["connect", url, "--user", "ana"],
            2,
            "--user needs --password",
        ),
    ];
    for (arguments, code, words) in rows {
        let refused = run(&arguments);
        assert_eq!(refused.code, code, "{arguments:?}: {refused:?}");
        assert!(refused.err.contains(words), "{arguments:?}: {refused:?}");
        assert!(!refused.err.contains(ana));
    }
    let spanish = run(&["--lang", "es", "connect", url, "--chat", "none", "--token", ana]);
    let words = charla_wire::Cause::ChatNotFound.words(charla_wire::Lang::Es);
    assert!(
        spanish.err.contains("cerrado con 4404") && spanish.err.contains(words.title),
        "{spanish:?}"
    );
}

#[test]
fn a_lost_server_is_told_with_its_cause_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start_in(folder.path());
    let address = demo.text("url").strip_prefix("http://").unwrap().to_owned();
    let (url, token) = (demo.text("ws_url").to_owned(), demo.token("ana").to_owned());
    let mut talks: Vec<_> = ["en", "es"]
        .map(|lang| {
            let mut child = charla(&["--lang", lang, "connect", &url, "--token", &token])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = BufReader::new(child.stdout.take().unwrap());
            writeln!(child.stdin.as_mut().unwrap(), "{lang} before").unwrap();
            let mut line = String::new();
            while !line.contains(&format!("{lang} before")) {
                assert!(said.read_line(&mut line).unwrap() > 0);
            }
            (lang, child, said)
        })
        .into();
    assert_eq!(demo.end(), 0);
    let again = Demo::start_again(folder.path(), &address);
    for (lang, child, _) in &mut talks {
        // Dropped, it is the end of what is typed.
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{lang} after").unwrap();
    }
    for (lang, child, mut said) in talks {
        let (mut rest, mut told) = (String::new(), String::new());
        said.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        told.push_str(&String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(rest.contains(&format!("{lang} after")), "{rest} {told}");
        let words = match lang {
            "en" => ["connection lost: restarting", "trying again in"],
            _ => ["conexión perdida: restarting", "nuevo intento en"],
        };
        assert!(words.iter().all(|words| told.contains(words)), "{told}");
        assert!(!told.contains(&token));
    }
    assert_eq!(again.end(), 0);
}
