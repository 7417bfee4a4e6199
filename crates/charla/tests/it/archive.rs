//! `charla export` and `charla import`, with a kill in the middle.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use charla_server::store::archive::lines::Writer;
use charla_server::store::archive::{Record, Table};
use serde_json::{Value, json};

use crate::running::{Ran, charla, run};

/// Enough that an import takes a while.
const MESSAGES: u64 = 20_000;

fn row(table: Table, values: Value) -> Record {
    let Value::Array(values) = values else {
        panic!("{values}")
    };
    Record { table, values }
}

/// A file of a tenant with one long chat.
fn write(file: &Path) {
    let mut writer = Writer::begin(fs::File::create(file).unwrap()).unwrap();
    let mut add = |table, values| writer.add(&row(table, values)).unwrap();
    add(Table::Tenants, json!(["t", "T", 1, 0]));
    add(
        Table::Users,
        json!(["t", "ana", "Ana", "member", "active", null, 0, 1]),
    );
    add(
        Table::Chats,
        json!(["t", "5", "Five", null, MESSAGES, 0, 1, null, null, null, null, 1]),
    );
    for seq in 1..=MESSAGES {
        let id = format!("00000000-0000-4000-8000-{seq:012}");
        add(
            Table::Messages,
            json!([
                "t",
                "5",
                seq,
                id,
                "ana",
                "Ana",
                "hola \u{0}",
                null,
                seq,
                null,
                false,
                0
            ]),
        );
    }
    writer.end().unwrap().1.flush().unwrap();
}

fn arguments<'a>(command: &'a str, file: &'a Path, place: &'a str) -> [&'a str; 4] {
    [command, file.to_str().unwrap(), "--set", place]
}

fn done(ran: Ran) -> Ran {
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.err, "", "no progress where there is no terminal");
    ran
}

#[test]
fn an_import_that_is_killed_is_started_again_and_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    write(&file);
    let place = format!("store.path={}", folder.path().join("data").display());
    let log = folder.path().join("data/charla.db-wal");
    let mut kills = 0;
    // Killed as soon as it has written something, a little later each time.
    for wait in [0, 20, 60] {
        let before = fs::metadata(&log).map_or(0, |about| about.len());
        let mut child = charla(&arguments("import", &file, &place))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20)
            && fs::metadata(&log).map_or(0, |about| about.len()) == before
            && child.try_wait().unwrap().is_none()
        {
            // sleeps because the process tells nobody what it has written
            std::thread::sleep(Duration::from_millis(1));
        }
        // sleeps because a kill may hit at any moment of the work
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
    }
    assert!(kills > 0, "one of them was killed before its end");
    let ended = done(run(&arguments("import", &file, &place)));
    assert!(ended.out.contains("20000 messages are in the store"), "{ended:?}");
    let twice = done(run(
        &[&arguments("import", &file, &place)[..], &["--json"]].concat()
    ));
    assert_eq!(twice.json()["new"], 0);
    let exported = done(run(&arguments("export", &again, &place)));
    assert!(exported.out.contains("1 chats, 20000 messages"), "{exported:?}");
    assert!(
        fs::read(&file).unwrap() == fs::read(&again).unwrap(),
        "the same bytes"
    );
    let taken = run(&arguments("export", &again, &place));
    assert_eq!(
        taken.code, 1,
        "a file that is there is not written over: {taken:?}"
    );
}

#[test]
fn what_cannot_be_taken_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    write(&file);
    let place = format!("store.path={}", folder.path().join("data").display());
    let nothing = run(&arguments("export", &file, &place));
    assert_eq!(nothing.code, 1, "{nothing:?}");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"member\"", "\"owner\"", 1)).unwrap();
    let damaged = run(&arguments("import", &file, &place));
    assert_eq!(damaged.code, 1, "{damaged:?}");
    assert!(
        damaged.err.contains("line 3: role is missing or wrong"),
        "{damaged:?}"
    );
    assert!(!folder.path().join("data").exists(), "nothing was written");
    fs::write(&file, &text[..text.len() - 10]).unwrap();
    let cut = run(&[&["--lang", "es"], &arguments("import", &file, &place)[..]].concat());
    assert!(cut.err.contains("está cortado después de la línea"), "{cut:?}");
    fs::write(&file, &text).unwrap();
    let added = run(&[
        "tenant",
        "add",
        "t",
        "--data",
        folder.path().join("data").to_str().unwrap(),
    ]);
    let differs = run(&arguments("import", &file, &place));
    assert_eq!((added.code, differs.code), (0, 1), "{added:?} {differs:?}");
    assert!(
        differs
            .err
            .contains("line 2: the store has this with other content"),
        "{differs:?}"
    );
}
