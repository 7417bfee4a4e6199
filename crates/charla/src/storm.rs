//! `charla storm`: what happens when everybody loses the server at once and comes back by one policy or another.
//!
//! A simulation on virtual time. Charla's clients are the real client's state machine; the others are the formulas
//! of their libraries. Nothing here touches a socket or a clock, and a seed repeats every figure.

use std::ffi::OsStr;
use std::num::NonZero;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::args::Storm;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words::storm as words;

mod calendar;
mod crowd;
mod figure;
mod plot;
mod policy;
mod random;
mod report;
mod scene;
mod server;
mod tally;

pub(crate) use policy::Which;
use scene::Scene;
use tally::{Summary, Tally};

/// A policy's storm when it is over.
struct Weathered {
    which: Which,
    tally: Tally,
    summary: Summary,
}

impl Weathered {
    fn of(which: Which, scene: &Scene) -> Self {
        let tally = crowd::weather(which, scene);
        Self {
            which,
            summary: tally.summary(),
            tally,
        }
    }
}

/// Simulates, and tells what came of it.
pub(crate) fn run(wanted: &Storm, screen: &mut Screen) -> Outcome {
    // A name that cannot be drawn is said before a minute of work.
    let plot = wanted.plot.as_deref().map(|file| svg(file, screen)).transpose()?;
    let scene = Scene::of(wanted);
    let weathered = weather(&wanted.policies, &scene);
    if let Some(file) = plot {
        let picture = plot::draw(screen.lang, &scene, &weathered);
        std::fs::write(file, picture)
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    }
    if wanted.json {
        screen.line(as_json(&scene, &weathered))?;
    } else {
        report::tell(&scene, &weathered, screen)?;
        if let Some(file) = plot {
            screen.note(words::plotted(screen.lang, file.display()));
        }
    }
    Ok(Exit::Done)
}

/// All storms, as many at a time as there are processors. Each has its own randomness, so nothing depends on that.
fn weather(only: &[Which], scene: &Scene) -> Vec<Weathered> {
    let wanted = Which::ALL
        .iter()
        .filter(|which| only.is_empty() || only.contains(which));
    let storms: Vec<(Which, OnceLock<Weathered>)> = wanted.map(|&which| (which, OnceLock::new())).collect();
    let begun = AtomicUsize::new(0);
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..processors.min(storms.len()) {
            scope.spawn(|| {
                while let Some((which, over)) = storms.get(begun.fetch_add(1, Ordering::Relaxed)) {
                    over.get_or_init(|| Weathered::of(*which, scene));
                }
            });
        }
    });
    storms
        .into_iter()
        .filter_map(|(_, over)| over.into_inner())
        .collect()
}

fn svg<'a>(file: &'a Path, screen: &Screen) -> Result<&'a Path, Failure> {
    if file.extension().and_then(OsStr::to_str) == Some("svg") {
        Ok(file)
    } else {
        Err(Failure::usage(words::only_svg(screen.lang, file.display())))
    }
}

fn as_json(scene: &Scene, weathered: &[Weathered]) -> serde_json::Value {
    let policies: Vec<_> = weathered
        .iter()
        .map(|one| one.summary.as_json(one.which.name()))
        .collect();
    json!({
        "clients": scene.clients,
        "down_s": scene.down_ms / 1_000,
        "accept_rate": scene.accept_rate,
        "queue_s": scene.queue_ms / 1_000.0,
        "refusal_cost": scene.refusal_cost,
        "announced": scene.announced,
        "seed": scene.seed,
        "watched_s": scene.end_ms / 1_000,
        "at_best_s": scene.at_best_s(),
        "policies": policies,
    })
}

#[cfg(test)]
mod tests;
