//! A soak's table for the terminal, page and picture for the repository, line for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::people::Figures;
use super::sample::{MIB, Sample, Samples, Slope};
use super::store::Kept;
use super::town::{CHATS, PEOPLE};
use super::{Check, Growth, Soak, TELLING_MINUTES};
use crate::process;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 64.0;
const ROW: f64 = 96.0;
const GAP: f64 = 26.0;
/// Points of a line.
const POINTS: usize = 390;

/// Readable on light and on dark paper.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;fill:#1f2328}
.paper{fill:#fff}.title{font-size:17px;font-weight:600}.name{font-weight:600}.quiet{fill:#59636e;font-size:11.5px}
.grid{stroke:#d1d9e0}.line{fill:none;stroke-width:1.6;stroke:#1c6dd0;stroke-linejoin:round}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.quiet{fill:#9198a1}.grid{stroke:#30363d}.line{stroke:#6cb0ff}}
";

/// All that a run came to.
pub(super) struct Paper<'r> {
    pub(super) wanted: &'r Soak,
    pub(super) program: &'r Path,
    pub(super) figures: &'r Figures,
    pub(super) kept: &'r Kept,
    pub(super) growth: &'r Growth,
    pub(super) samples: &'r Samples,
    pub(super) checks: &'r [Check],
    pub(super) cpu_share: f64,
    pub(super) closes: &'r BTreeMap<String, u64>,
    pub(super) descriptors: [u32; 2],
}

/// A quantity, by its name, how it is written and its growth.
struct Line {
    name: &'static str,
    slope: Slope,
    shown: fn(f64) -> String,
    value: fn(&Sample) -> f64,
}

fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / MIB)
}

fn count(number: f64) -> String {
    format!("{number:.0}")
}

impl Paper<'_> {
    fn lines(&self) -> [Line; 4] {
        [
            Line {
                name: "resident memory",
                slope: self.growth.resident,
                shown: mib,
                value: |sample| sample.resident as f64,
            },
            Line {
                name: "of it anonymous",
                slope: self.growth.anonymous,
                shown: mib,
                value: |sample| sample.anonymous as f64,
            },
            Line {
                name: "descriptors",
                slope: self.growth.descriptors,
                shown: count,
                value: |sample| f64::from(sample.descriptors),
            },
            Line {
                name: "threads",
                slope: self.growth.threads,
                shown: count,
                value: |sample| sample.threads as f64,
            },
        ]
    }

    fn growth_table(&self) -> String {
        let mut table =
            String::from("| what | at the end | an hour (middle half) | after 24 h |\n|---|---|---|---|\n");
        for line in self.lines() {
            let Slope {
                middle,
                low,
                high,
                last,
            } = line.slope;
            let hourly = |value: f64| {
                if last > 100_000.0 {
                    format!("{:+.2} MiB", value / MIB)
                } else {
                    format!("{value:+.2}")
                }
            };
            let (growth, day) = if self.growth.tells {
                (
                    format!("{} ({}..{})", hourly(middle), hourly(low), hourly(high)),
                    (line.shown)(last + 24.0 * middle),
                )
            } else {
                ("too short to tell".to_owned(), "-".to_owned())
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {growth} | {day} |",
                line.name,
                (line.shown)(last)
            );
        }
        let Slope {
            middle,
            low,
            high,
            last,
        } = self.growth.disk;
        let (growth, day) = if self.growth.tells {
            (
                format!("{middle:.0} B a message ({low:.0}..{high:.0})"),
                mib(last + 24.0 * self.growth.messages.middle * middle),
            )
        } else {
            ("too short to tell".to_owned(), "-".to_owned())
        };
        let _ = writeln!(table, "| disk | {} | {growth} | {day} |", mib(last));
        table
    }

    fn check_table(&self) -> String {
        let mut table = String::from("| must be so | seen | |\n|---|---|---|\n");
        for check in self.checks {
            let verdict = match check.holds {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "too short to tell",
            };
            let _ = writeln!(table, "| {} | {} | {verdict} |", check.what, check.seen);
        }
        table
    }

    fn deeds(&self) -> String {
        let done = self.figures;
        let mut deeds = format!(
            "{} messages said, {} acknowledged, {} stored ({} of them said by somebody who left before the answer), {} heard; \
             {} returns with the place where one left off, {} edits, {} pages of history, {} read marks, {} signs of typing, \
             {} wrong tokens, {} calls over REST, {} who stopped reading. The server used {:.1} % of a core.",
            done.sent,
            done.acked,
            self.kept.stored,
            self.kept.unheard,
            done.heard,
            done.returned,
            done.edits,
            done.pages,
            done.marks,
            done.typed,
            done.knocks,
            done.calls,
            done.slow,
            100.0 * self.cpu_share,
        );
        for (reason, times) in &done.reasons {
            let _ = write!(deeds, "\n{times} times: {reason}");
        }
        deeds
    }

    /// For the terminal.
    pub(super) fn table(&self) -> String {
        let closes: Vec<String> = self
            .closes
            .iter()
            .map(|(cause, count)| format!("{cause} {count}"))
            .collect();
        format!(
            "{}\nclosed: {}\n\n{}\n{}",
            self.deeds(),
            closes.join(", "),
            self.growth_table(),
            self.check_table()
        )
    }

    /// For programs.
    pub(super) fn last_line(&self) -> String {
        let failed = self
            .checks
            .iter()
            .filter(|check| check.holds == Some(false))
            .count();
        let told = |slope: Slope| {
            if self.growth.tells {
                json!(slope.middle)
            } else {
                json!(null)
            }
        };
        json!({
            "minutes": self.wanted.minutes, "acked": self.figures.acked, "stored": self.kept.stored, "lost": self.kept.lost,
            "doubled": self.kept.doubled, "descriptors": self.descriptors, "anonymous_bytes_an_hour": told(self.growth.anonymous),
            "disk_bytes_a_message": told(self.growth.disk), "failed": failed,
        })
        .to_string()
    }

    /// For the repository.
    pub(super) fn page(&self) -> String {
        let now = jiff::Timestamp::now().to_string();
        let minute = now.get(..16).unwrap_or(&now).replace('T', " ");
        let build = if self
            .program
            .components()
            .any(|part| part.as_os_str() == "release")
        {
            "release build"
        } else {
            "development build"
        };
        let length = if self.growth.tells {
            String::new()
        } else {
            format!(
                " A run with fewer than {TELLING_MINUTES} minutes after its warm-up says nothing about slopes."
            )
        };
        format!(
            "# Soak\n\nWritten by `cargo xtask soak --minutes {} --write` on {minute} UTC.\nMachine: {}; server ({build}) and clients share \
             its cores, and other work ran on it.\n\n\
             {PEOPLE} people in {CHATS} chats on `charla serve` with SQLite, for {} minutes. {}\n\n\
             ![memory, descriptors and threads over time](soak.svg)\n\n\
             ## Growth\n\nA sample a second; the first fifth, at most ten minutes, is warm-up, and the store's page cache was \
             filled before. An hour's growth is the median of the slopes \
             between all pairs of samples (Theil and Sen), in parentheses the middle half of them.{length} The disk must grow with the \
             messages, and nothing else may.\n\n{}\n## Checks\n\n{}",
            self.wanted.minutes,
            process::machine(),
            self.wanted.minutes,
            self.deeds(),
            self.growth_table(),
            self.check_table(),
        )
    }

    /// The lines over time, one below the other.
    pub(super) fn picture(&self) -> String {
        let height = TOP + 4.0 * (ROW + GAP) + 24.0;
        let title = format!(
            "An evening of {} minutes: what the server holds",
            self.wanted.minutes
        );
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text x=\"24\" y=\"34\" class=\"title\">{title}</text>\n"
        );
        for (row, line) in (0_u8..).zip(self.lines()) {
            let top = TOP + f64::from(row) * (ROW + GAP);
            draw(&mut svg, &line, &self.samples.all, top);
        }
        let y = TOP + 4.0 * (ROW + GAP) + 4.0;
        let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{y}\" class=\"quiet\">0</text>");
        let _ = writeln!(
            svg,
            "<text x=\"{RIGHT}\" y=\"{y}\" class=\"quiet\" text-anchor=\"end\">{} min</text>\n</svg>",
            self.wanted.minutes
        );
        svg
    }
}

fn draw(svg: &mut String, line: &Line, samples: &[Sample], top: f64) {
    let bottom = top + ROW;
    let greatest = samples.iter().map(line.value).fold(0.0, f64::max).max(1.0);
    let end = samples.last().map_or(1.0, |sample| sample.at_s).max(1.0);
    let mut path = String::new();
    for (place, sample) in samples
        .iter()
        .step_by(samples.len().div_ceil(POINTS).max(1))
        .enumerate()
    {
        let x = LEFT + (RIGHT - LEFT) * sample.at_s / end;
        let y = bottom - ROW * (line.value)(sample) / greatest;
        let _ = write!(path, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
    }
    let _ = writeln!(
        svg,
        "<path class=\"grid\" d=\"M{LEFT} {top:.1}H{RIGHT}M{LEFT} {bottom:.1}H{RIGHT}\"/>\n\
         <text x=\"24\" y=\"{:.1}\" class=\"name\">{}</text>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" class=\"quiet\" text-anchor=\"end\">{}</text>\n\
         <text x=\"{:.1}\" y=\"{bottom:.1}\" class=\"quiet\" text-anchor=\"end\">0</text>\n\
         <path class=\"line\" d=\"{path}\"/>",
        top + 30.0,
        line.name,
        LEFT - 8.0,
        top + 10.0,
        (line.shown)(greatest),
        LEFT - 8.0,
    );
}
