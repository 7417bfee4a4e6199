//! `charla-bench soak`: an evening of 500 people in 50 chats at a calm rate, and what it leaves in memory, descriptors and on disk.
//!
//! The server is `charla serve` on SQLite, a process of its own. Growth is a slope over the samples of every second after a warm-up;
//! a run too short for one says so. What was acknowledged is looked for in the store itself when the server has ended.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::evening::Evening;
use self::paper::Paper;
use self::people::Figures;
use self::sample::{Samples, Slope};
use self::town::Town;
use crate::failure::{Failure, Outcome};

mod evening;
mod paper;
mod people;
mod sample;
mod store;
mod town;

/// Bytes of anonymous memory that a run may seem to grow by in an hour: less than a message in a hundred kept for good at this rate.
const LEAK_MAX: f64 = 4.0 * 1024.0 * 1024.0;
/// Descriptors by which the end may differ from the beginning: the store opens its readers when they are first needed.
const DESCRIPTORS_MAX: i64 = 8;
/// The same a day, of the slope.
const DESCRIPTORS_A_DAY: f64 = 24.0;
/// Minutes after the warm-up below which no slope is believed: caches still fill.
const TELLING_MINUTES: f64 = 20.0;
/// Share of a run that is warm-up, and its most.
const WARM_UP: f64 = 0.2;
const WARM_UP_MAX: Duration = Duration::from_secs(600);

/// How long, and what becomes of it.
#[derive(clap::Args, Clone)]
pub(crate) struct Soak {
    /// Minutes of the evening.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=2_880))]
    minutes: u32,
    /// End with one line of JSON.
    #[arg(long)]
    json: bool,
    /// Write SOAK.md and its picture to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
    /// The server's program; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
}

/// A question with an answer that can be no.
pub(crate) struct Check {
    /// What must be so.
    what: &'static str,
    /// Whether it is; `None` for a run too short to tell.
    holds: Option<bool>,
    /// The figures behind it.
    seen: String,
}

/// Runs it and tells.
pub(crate) fn run(wanted: &Soak) -> Outcome<()> {
    let beside = std::env::current_exe()?;
    let program = wanted
        .charla
        .clone()
        .unwrap_or_else(|| beside.with_file_name("charla"));
    let folder = beside.with_file_name("soak").join(std::process::id().to_string());
    let mut town = Town::open(&program, &folder)?;
    let before = sample::descriptors(town.pid())?;
    let began = Instant::now();
    let span = Duration::from_secs(u64::from(wanted.minutes) * 60);
    let mut samples = Samples::new(town.pid(), town.data());
    let mut evening = Evening::begin(&town)?;
    evening.last(span, &mut samples)?;
    let (figures, said) = evening.end(&mut samples)?;
    let after = sample::descriptors(town.pid())?;
    let told = town.closes()?;
    let cpu = town.cpu()?;
    town.end()?;
    let kept = store::compare(town.data(), &said)?;
    let growth = Growth::of(&samples, span);
    let mut checks = promises(&figures, &kept);
    checks.extend(growth.checks(i64::from(after) - i64::from(before)));
    let slow = told.get("slow_consumer").copied().unwrap_or_default();
    checks.push(Check {
        what: "whoever stopped reading was let go",
        holds: Some(slow >= figures.slow && figures.slow > 0),
        // Who stopped just before the end may be among the first, but not among the second.
        seen: format!("{slow}, of {} who had the time for it", figures.slow),
    });
    let paper = Paper {
        wanted,
        program: &program,
        figures: &figures,
        kept: &kept,
        growth: &growth,
        samples: &samples,
        checks: &checks,
        cpu_share: cpu.as_secs_f64() / began.elapsed().as_secs_f64(),
        closes: &told,
        descriptors: [before, after],
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", paper.table())?;
    if let Some(folder) = &wanted.write {
        std::fs::write(folder.join("SOAK.md"), paper.page())?;
        std::fs::write(folder.join("soak.svg"), paper.picture())?;
    }
    if wanted.json {
        writeln!(out, "{}", paper.last_line())?;
    }
    let broken: Vec<&str> = checks
        .iter()
        .filter(|check| check.holds == Some(false))
        .map(|check| check.what)
        .collect();
    if broken.is_empty() {
        town.remove();
        return Ok(());
    }
    Err(Failure::Server(format!(
        "not so: {}; the data is in {}",
        broken.join("; "),
        folder.display()
    )))
}

/// What was promised to the people.
fn promises(figures: &Figures, kept: &store::Kept) -> Vec<Check> {
    let never = |what, count: u64| Check {
        what,
        holds: Some(count == 0),
        seen: count.to_string(),
    };
    vec![
        Check {
            what: "every acknowledged message is stored once, at its place",
            holds: Some(kept.lost == 0 && kept.doubled == 0 && figures.acked > 0),
            seen: format!(
                "{} acknowledged, {} lost, {} doubled",
                figures.acked, kept.lost, kept.doubled
            ),
        },
        never("nothing is stored that nobody said", kept.invented),
        never("the numbers of a chat have no hole", kept.holes),
        never("nobody missed a message, over any return", figures.missed),
        never("nobody heard a message twice", figures.doubled),
        never("nobody was cut off", figures.cut_off),
        never("no send was refused", figures.refused),
        never("no wrong token was let in", figures.let_in),
        never("no call over REST failed", figures.rest_failed),
    ]
}

/// What grew, by the hour.
pub(crate) struct Growth {
    /// Whether the run was long enough to believe it.
    tells: bool,
    resident: Slope,
    anonymous: Slope,
    descriptors: Slope,
    threads: Slope,
    /// Bytes on disk for each message stored.
    disk: Slope,
    /// Messages stored an hour.
    messages: Slope,
}

impl Growth {
    fn of(samples: &Samples, span: Duration) -> Self {
        let warm_up = span.mul_f64(WARM_UP).min(WARM_UP_MAX);
        let warm = samples.since(warm_up.as_secs_f64());
        let by_hour =
            |value: fn(&sample::Sample) -> f64| Slope::of(warm, |sample| sample.at_s / 3_600.0, value);
        Self {
            tells: (span - warm_up).as_secs_f64() >= TELLING_MINUTES * 60.0,
            resident: by_hour(|sample| sample.resident as f64),
            anonymous: by_hour(|sample| sample.anonymous as f64),
            descriptors: by_hour(|sample| f64::from(sample.descriptors)),
            threads: by_hour(|sample| sample.threads as f64),
            disk: Slope::of(warm, |sample| sample.stored as f64, |sample| sample.disk as f64),
            messages: by_hour(|sample| sample.stored as f64),
        }
    }

    fn checks(&self, descriptors: i64) -> Vec<Check> {
        let tells = |holds: bool| self.tells.then_some(holds);
        let told = |seen: String| if self.tells { seen } else { "-".to_owned() };
        vec![
            Check {
                what: "descriptors at the end are those of the beginning",
                holds: Some(descriptors.abs() <= DESCRIPTORS_MAX),
                seen: format!("{descriptors:+}, at most {DESCRIPTORS_MAX} either way"),
            },
            Check {
                what: "anonymous memory does not grow",
                holds: tells(self.anonymous.middle <= LEAK_MAX),
                seen: told(format!(
                    "{:+.2} MiB an hour, at most {:.0}",
                    self.anonymous.middle / sample::MIB,
                    LEAK_MAX / sample::MIB
                )),
            },
            Check {
                what: "descriptors do not grow",
                holds: tells(self.descriptors.middle * 24.0 <= DESCRIPTORS_A_DAY),
                seen: told(format!("{:+.2} an hour", self.descriptors.middle)),
            },
            Check {
                what: "threads do not grow",
                holds: tells(self.threads.middle * 24.0 < 1.0),
                seen: told(format!("{:+.2} an hour", self.threads.middle)),
            },
        ]
    }
}
