//! `charla demo`

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use crate::running::{Demo, charla, run_with};

#[test]
fn one_line_says_all_that_a_program_needs() {
    let demo = Demo::start();
    let url = demo.text("url");
    let authority = url.strip_prefix("http://127.0.0.1:").unwrap();
    assert!(authority.parse::<u16>().is_ok_and(|port| port > 0), "{url}");
    assert_eq!(
        demo.text("ws_url"),
        format!("ws://127.0.0.1:{authority}/ws/chat/5/")
    );
    assert_eq!((demo.text("tenant"), demo.text("chat")), ("demo", "5"));
    assert!(demo.text("operator_key").starts_with("charla_"));
    let users = demo.said["users"].as_array().unwrap();
    let ids: Vec<_> = users.iter().map(|user| user["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ana", "luis", "sofia"]);
    for user in users {
        assert_eq!(user["password"], user["id"]);
        for token in ["token", "refresh"] {
            assert_eq!(user[token].as_str().unwrap().split('.').count(), 3);
        }
    }
    assert_eq!(demo.end(), 0);
}

#[test]
fn the_banner_has_a_page_for_each_and_lines_to_copy() {
    let mut command = charla(&["demo", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut banner = String::new();
    while !banner.contains("Ctrl-C") {
        assert!(out.read_line(&mut banner).unwrap() > 0, "{banner}");
    }
    for user in ["ana", "luis", "sofia"] {
        assert!(banner.contains(&format!("/?user={user}\n")), "{banner}");
    }
    assert!(banner.contains("wscat -c \"ws://127.0.0.1:"), "{banner}");
    assert!(banner.contains("charla doctor \"ws://127.0.0.1:"), "{banner}");
    assert!(banner.contains("/console\n  charla_"), "{banner}");
    let folder = banner
        .lines()
        .find_map(|line| line.strip_prefix("Data in "))
        .unwrap();
    let folder = folder.split(',').next().unwrap();
    assert!(std::path::Path::new(folder).exists());

    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(!std::path::Path::new(folder).exists(), "{folder}");
}

#[test]
fn a_server_starts_from_its_file_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charla.toml");
    std::fs::write(
        &file,
        "server.listen = \"127.0.0.1:0\"\nlog.format = \"json\"\nstore.path = \"data\"\n",
    )
    .unwrap();
    let mut child = charla(&["serve", "--config", file.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let event: serde_json::Value = loop {
        let event: serde_json::Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        if event["message"] == "listening" {
            break event;
        }
    };
    assert!(
        event["address"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{event}"
    );
    // Paths in the file start at its own folder.
    assert!(folder.path().join("data").is_dir());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_told() {
    let demo = Demo::start();
    let taken = demo.text("url").strip_prefix("http://").unwrap();
    let second = crate::running::run(&["demo", "--listen", taken]);
    assert_eq!(second.code, 1);
    assert!(
        second.err.contains(&format!("cannot listen on {taken}")),
        "{second:?}"
    );
}

#[test]
fn pages_of_this_machine_may_connect_and_others_may_not() {
    let demo = Demo::start();
    let authority = demo.text("url").strip_prefix("http://").unwrap();
    let status = |origin: &str| {
        let mut socket = std::net::TcpStream::connect(authority).unwrap();
        let request = format!(
            "GET /ws/chat/5/ HTTP/1.1\r\nHost: {authority}\r\nOrigin: {origin}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            demo.token("ana")
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:3000",
        "https://[::1]",
        demo.text("url"),
    ] {
        assert_eq!(status(origin), "200", "{origin}");
    }
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example:80",
        "null",
    ] {
        assert_eq!(status(origin), "403", "{origin}");
    }
}

#[test]
fn data_that_is_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start_in(folder.path());
    let said = run_with(
        &["connect", demo.text("ws_url"), "--token", demo.token("ana")],
        "kept\n",
    );
    assert_eq!(said.code, 0, "{said:?}");
    let early = demo.token("luis").to_owned();
    assert_eq!(demo.end(), 0);

    let again = Demo::start_in(folder.path());
    assert_eq!(again.said["users"].as_array().unwrap().len(), 3);
    // A token of the first start is good in the second.
    let read = run_with(
        &["connect", again.text("ws_url"), "--token", &early],
        "/history\n",
    );
    assert!(read.out.contains("Ana: kept"), "{read:?}");
}
