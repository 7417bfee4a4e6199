//! The doctor as a user runs it: a child process, judged by what it prints.

use std::fs::{self, File};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use charla_ground::Outcome;
use serde_json::Value;

use crate::lab::Lab;
use crate::scenario::Case;
use crate::stack::charla::program;

/// A doctor that takes longer hangs, and is ended.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// What it said.
pub(crate) struct Said {
    /// `cause`.
    pub(crate) cause: Option<String>,
    /// `certainty`.
    pub(crate) certainty: Option<String>,
    /// `healthy`.
    pub(crate) is_healthy: bool,
    /// Causes of `warnings`.
    pub(crate) warnings: Vec<String>,
    /// Causes of `also`.
    pub(crate) also: Vec<String>,
    /// Exit code; -1 when it hung.
    pub(crate) code: i32,
    /// How long it took.
    pub(crate) took: Duration,
    /// What it said instead of JSON.
    pub(crate) other: String,
}

/// Asks it for everything that it saw as well: what a miss is understood by. Beside the answer, in the run's folder.
pub(crate) fn ask_for_evidence(lab: &Lab, name: &str, case: &Case) -> Outcome<()> {
    let mut command = program(&lab.charla);
    command
        .args(&case.arguments)
        .args(["--json", "--verbose"])
        .current_dir("/")
        .env("LANG", "C.UTF-8");
    let done = command.stdin(Stdio::null()).output()?;
    Ok(fs::write(
        lab.folder().join(format!("answers/{name}.evidence.json")),
        done.stdout,
    )?)
}

/// Asks it, and keeps its whole answer in the run's folder.
pub(crate) fn ask(lab: &Lab, name: &str, case: &Case) -> Outcome<Said> {
    let folder = lab.folder().join("answers");
    fs::create_dir_all(&folder)?;
    let (out, err) = (
        folder.join(format!("{name}.json")),
        folder.join(format!("{name}.err")),
    );
    let mut command = program(&lab.charla);
    command
        .args(&case.arguments)
        .arg("--json")
        .current_dir("/")
        .env("LANG", "C.UTF-8");
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()?;
    let code = loop {
        if let Some(status) = child.try_wait()? {
            break status.code().unwrap_or(-1);
        }
        if started.elapsed() > HANGS_AFTER {
            child.kill()?;
            child.wait()?;
            break -1;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let took = started.elapsed();
    let text = fs::read_to_string(&out)?;
    let parsed = serde_json::from_str::<Value>(&text);
    let other = match &parsed {
        Ok(_) => String::new(),
        Err(_) => text + &fs::read_to_string(&err)?,
    };
    let answer = parsed.unwrap_or_default();
    let word = |name: &str| Some(answer.get(name)?.as_str()?.to_owned());
    let causes = |name: &str| {
        let listed = answer.get(name).and_then(Value::as_array).into_iter().flatten();
        listed
            .filter_map(|one| Some(one.get("cause")?.as_str()?.to_owned()))
            .collect()
    };
    Ok(Said {
        cause: word("cause"),
        certainty: word("certainty"),
        is_healthy: answer.get("healthy").and_then(Value::as_bool).unwrap_or(false),
        warnings: causes("warnings"),
        also: causes("also"),
        code,
        took,
        other: other.chars().take(300).collect(),
    })
}
