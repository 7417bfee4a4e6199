//! `cargo xtask fuzz`: whatever reads bytes of others, under libFuzzer, with our own crates instrumented by the stable compiler.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use crate::run::{cargo, run, target};

const USAGE: &str = "\
cargo xtask fuzz [--target NAME] [--minutes N] [--seed N] [--keep]

  --target NAME   this one alone; without it all in turn
  --minutes N     how long each is tried, 1 by default; fractions too
  --seed N        where the dice start: the same seed, corpus and build try the same inputs
  --keep          what led somewhere new is added to fuzz/corpus, the fewest files that reach as far";

/// Bytes of the longest input.
const INPUT_MAX: &str = "16384";
/// Seconds that one input may take, and MiB that all may hold.
const BOUNDS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=1536"];

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Wanted {
    target: Option<String>,
    seconds: u64,
    seed: u64,
    keep: bool,
}

/// What libFuzzer says at the end.
#[derive(Debug, Default, PartialEq)]
struct Figures {
    executions: u64,
    new: u64,
    branches: u64,
}

/// Builds the engine and tries what is wanted; fails when something was found.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let wanted = parse(arguments)?;
    let mut build = cargo(root);
    build.env("RUSTC_WORKSPACE_WRAPPER", root.join("fuzz/instrument"));
    run(build.args([
        "build",
        "--locked",
        "--package",
        "charla-fuzz",
        "--features",
        "engine",
        "--bin",
        "charla-fuzz-engine",
    ]))?;
    let mut found = Vec::new();
    println!(
        "{:<14} {:>12} {:>9} {:>8} {:>7} {:>9}",
        "target", "executions", "seconds", "corpus", "new", "branches"
    );
    for name in names(root, &wanted)? {
        if let Err(crash) = attempt(root, &name, &wanted) {
            found.push(crash);
        }
    }
    if found.is_empty() {
        println!("nothing found");
        Ok(())
    } else {
        Err(found.join("\n"))
    }
}

fn parse(arguments: &[&str]) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        target: None,
        seconds: 60,
        seed: 1,
        keep: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| USAGE.to_owned());
        match *argument {
            "--target" => wanted.target = Some(value()?.to_owned()),
            "--minutes" => {
                let minutes: f64 = value()?.parse().map_err(|_| USAGE.to_owned())?;
                if !(minutes > 0.0 && minutes < 10_000.0) {
                    return Err(USAGE.to_owned());
                }
                wanted.seconds = std::time::Duration::from_secs_f64(minutes * 60.0)
                    .as_secs()
                    .max(1);
            }
            "--seed" => wanted.seed = value()?.parse().map_err(|_| USAGE.to_owned())?,
            "--keep" => wanted.keep = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(wanted)
}

/// The targets are the corpus' folders: a test holds that each has its target, and each target its folder.
fn names(root: &Path, wanted: &Wanted) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/corpus");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    match &wanted.target {
        None => Ok(names),
        Some(name) if names.contains(name) => Ok(vec![name.clone()]),
        Some(name) => Err(format!("{name}: no such target; there are {}", names.join(", "))),
    }
}

fn engine(root: &Path, name: &str) -> Command {
    let mut engine = Command::new(target(root).join("debug/charla-fuzz-engine"));
    engine.current_dir(root).env("CHARLA_FUZZ_TARGET", name);
    engine.args(BOUNDS);
    engine
}

/// Tries one target and prints its line.
fn attempt(root: &Path, name: &str, wanted: &Wanted) -> Result<(), String> {
    let corpus = root.join("fuzz/corpus").join(name);
    let made = target(root).join("fuzz").join(name);
    let crashes = target(root).join("fuzz/found");
    for folder in [&made, &crashes] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let dictionary = root.join(format!("fuzz/dictionaries/{name}.dict"));
    let mut trying = engine(root, name);
    trying.args([
        format!("-max_len={INPUT_MAX}"),
        format!("-max_total_time={}", wanted.seconds),
        format!("-seed={}", wanted.seed),
        format!("-artifact_prefix={}/{name}-", crashes.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    if dictionary.exists() {
        trying.arg(format!("-dict={}", dictionary.display()));
    }
    let began = Instant::now();
    let output = trying.arg(&made).arg(&corpus).output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let figures = figures(&said);
    println!(
        "{name:<14} {:>12} {:>9} {:>8} {:>7} {:>9}",
        figures.executions,
        began.elapsed().as_secs(),
        files(&corpus) + files(&made),
        figures.new,
        figures.branches
    );
    if !output.status.success() {
        let from = said
            .find("panicked at")
            .map_or(said.len().saturating_sub(2_000), |at| at);
        let words = said.get(from..).unwrap_or_default();
        let words: String = words.lines().take(3).collect::<Vec<_>>().join("\n  ");
        let file = said
            .lines()
            .find_map(|line| line.split_once("Test unit written to ").map(|(_, file)| file));
        let file = file.unwrap_or("no file: see what it says with the engine itself");
        return Err(format!(
            "{name}: {words}\n  {file}\n  put it into fuzz/corpus/{name}/ and `cargo nextest run -p charla-fuzz` reads it again"
        ));
    }
    if wanted.keep {
        merge(root, name, &made, &corpus)?;
    }
    Ok(())
}

/// Adds to the repository's corpus what reaches further than it, and nothing else.
fn merge(root: &Path, name: &str, made: &Path, corpus: &Path) -> Result<(), String> {
    let mut merging = engine(root, name);
    let status = merging
        .args(["-set_cover_merge=1", "-max_len=2048"])
        .arg(corpus)
        .arg(made)
        .output();
    let status = status.map_err(|error| format!("{name}: {error}"))?.status;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "{name}: what was found could not be added to the corpus: {status}"
        ))
    }
}

fn files(folder: &PathBuf) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Reads `stat::number_of_executed_units: 123`, and the last `cov: 45`.
fn figures(said: &str) -> Figures {
    let stat = |name: &str| {
        said.lines()
            .filter_map(|line| line.strip_prefix(name))
            .find_map(|rest| rest.trim_start_matches(':').trim().parse().ok())
            .unwrap_or(0)
    };
    let branches = said.rsplit_once(" cov: ").map_or("", |(_, rest)| rest);
    Figures {
        executions: stat("stat::number_of_executed_units"),
        new: stat("stat::new_units_added"),
        branches: branches
            .split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_are_read() {
        let said = "INFO: seed\n#2\tINITED cov: 9 ft: 10 corp: 1/1b\n#77\tDONE   cov: 120 ft: 300 corp: 9/80b\n\
                    stat::number_of_executed_units: 77\nstat::average_exec_per_sec:     38\nstat::new_units_added:          8\n";
        let expected = Figures {
            executions: 77,
            new: 8,
            branches: 120,
        };
        assert_eq!(figures(said), expected);
        assert_eq!(figures(""), Figures::default());
    }

    #[test]
    fn arguments_are_read() {
        let wanted = parse(&["--target", "nginx", "--minutes", "0.5", "--seed", "7", "--keep"]);
        let expected = Wanted {
            target: Some("nginx".into()),
            seconds: 30,
            seed: 7,
            keep: true,
        };
        assert_eq!(wanted, Ok(expected));
        for wrong in [
            &["--minutes", "x"][..],
            &["--minutes", "-1"],
            &["--target"],
            &["fuzz"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
