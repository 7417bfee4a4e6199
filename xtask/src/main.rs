//! `cargo xtask`: every chore of the project, one command each.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person who runs it"
)]

mod bench;
mod causes;
mod ci;
mod codegen;
mod conformance;
mod deny;
mod django;
mod faults;
mod fmt;
mod fuzz;
mod install;
mod lab;
mod release_record;
mod run;
mod sim;
mod soak;
mod test;
mod tidy;

use std::{env, path::Path, process::ExitCode};

const USAGE: &str = "\
cargo xtask <chore>

  test [--no-install]   install what the tests need, then run every check and every test
  ci [--no-install]     test, then a small benchmark
  tidy                  the house rules that the compiler does not know
  codegen [--check]     write (or compare) what is generated from protocol/causes.toml
  fmt [--check]         format (or compare) all Rust code
  bench [ARGUMENTS]     build in release (for --small as for the tests) and run charla-bench with these arguments
  bench --install       install what `bench peers` measures beside Charla
  sim [ARGUMENTS]       build and run charla-sim: nodes, bus, store and clients in virtual time, by seed
  lab [ARGUMENTS]       build and run charla-lab: real stacks, broken, and what the doctor calls each
  faults [ARGUMENTS]    build and run charla-faults: three nodes, every fault in turn, and a checker over the history
  django [ARGUMENTS]    half the clients on uvicorn with Channels, half on Charla: everybody hears everybody once
  conformance [ARGS]    build and run charla-conformance: every frame rule of RFC 6455 and 7692 over real sockets
  release-record        keep what this release leaves behind in protocol/releases/, for later ones to be tried against
  deny [--offline]      what may stand below: crates, licences, sources, and what is known against them
  fuzz [ARGUMENTS]      whatever reads bytes of others, under libFuzzer; --target NAME, --minutes N, --seed N, --keep
  soak [--release] [ARGS]  build and run charla-bench soak: an evening of 500 people, and what grows";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    let outcome = match arguments.as_slice() {
        ["test"] => test::run_all(root, true),
        ["test", "--no-install"] => test::run_all(root, false),
        ["ci"] => ci::run_all(root, true),
        ["ci", "--no-install"] => ci::run_all(root, false),
        ["tidy"] => tidy::run(root),
        ["codegen"] => codegen::write(root),
        ["codegen", "--check"] => codegen::check(root).and_then(|faults| tidy::verdict(&faults)),
        ["fmt"] => fmt::write(root),
        ["fmt", "--check"] => fmt::check(root),
        ["bench", rest @ ..] => bench::run_with(root, rest),
        ["sim", rest @ ..] => sim::run_with(root, rest),
        ["lab", rest @ ..] => lab::run_with(root, rest),
        ["faults", rest @ ..] => faults::run_with(root, rest),
        ["django", rest @ ..] => django::run_with(root, rest),
        ["soak", rest @ ..] => soak::run_with(root, rest),
        ["release-record"] => release_record::run_once(root),
        ["deny"] => deny::run_with(root, false),
        ["deny", "--offline"] => deny::run_with(root, true),
        ["fuzz", rest @ ..] => fuzz::run_with(root, rest),
        ["conformance", rest @ ..] => conformance::run_with(root, rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
