//! What a process holds, once a second, and slopes through it that a few outliers do not move.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::stats::percentile;

/// Bytes.
pub(crate) const MIB: f64 = 1024.0 * 1024.0;
/// Between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// Points of a slope: as many medians of the samples, for pairs of them are compared.
const POINTS: usize = 400;

/// One look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Seconds since the first.
    pub(crate) at_s: f64,
    /// Resident bytes, and those of them that no file stands behind.
    pub(crate) resident: u64,
    pub(crate) anonymous: u64,
    /// Open files and sockets.
    pub(crate) descriptors: u32,
    /// Threads.
    pub(crate) threads: u64,
    /// Bytes of the data folder's files.
    pub(crate) disk: u64,
    /// Messages that are stored, by their acknowledgements.
    pub(crate) stored: u64,
}

/// All looks.
pub(crate) struct Samples {
    pid: u32,
    data: PathBuf,
    began: Instant,
    due: Instant,
    /// In order.
    pub(crate) all: Vec<Sample>,
}

impl Samples {
    pub(crate) fn new(pid: u32, data: &Path) -> Self {
        let now = Instant::now();
        Self {
            pid,
            data: data.to_owned(),
            began: now,
            due: now,
            all: Vec::new(),
        }
    }

    /// Looks if it is time to; says when the next look is due.
    pub(crate) fn look(&mut self, stored: u64) -> Outcome<Instant> {
        let now = Instant::now();
        if now >= self.due {
            // After a machine that stood still, not many at once.
            self.due = now + EVERY;
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
            self.all.push(Sample {
                at_s: self.began.elapsed().as_secs_f64(),
                resident: kib(&status, "VmRSS:")? * 1024,
                anonymous: kib(&status, "RssAnon:")? * 1024,
                descriptors: descriptors(self.pid)?,
                threads: kib(&status, "Threads:")?,
                disk: size(&self.data)?,
                stored,
            });
        }
        Ok(self.due)
    }

    /// Those after so many seconds.
    pub(crate) fn since(&self, at_s: f64) -> &[Sample] {
        let from = self.all.partition_point(|sample| sample.at_s < at_s);
        self.all.get(from..).unwrap_or_default()
    }
}

/// Open descriptors of a process.
pub(crate) fn descriptors(pid: u32) -> Outcome<u32> {
    Ok(u32::try_from(fs::read_dir(format!("/proc/{pid}/fd"))?.count()).unwrap_or(u32::MAX))
}

fn kib(status: &str, name: &str) -> Outcome<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
    number.ok_or_else(|| Failure::Server(format!("no {name} in /proc")))
}

fn size(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        // A file that goes while we look is not there.
        bytes += entry?.metadata().map_or(0, |about| about.len());
    }
    Ok(bytes)
}

/// How much one thing grows with another: the median of the slopes between all pairs (Theil, 1950; Sen, 1968), and where the middle
/// half of them lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slope {
    /// The median.
    pub(crate) middle: f64,
    /// A quarter is below.
    pub(crate) low: f64,
    /// A quarter is above.
    pub(crate) high: f64,
    /// What it was at the end.
    pub(crate) last: f64,
}

impl Slope {
    /// Through these samples; zeros where there are too few for one.
    pub(crate) fn of(samples: &[Sample], x: impl Fn(&Sample) -> f64, y: impl Fn(&Sample) -> f64) -> Self {
        let points: Vec<(f64, f64)> = samples
            .chunks(samples.len().div_ceil(POINTS).max(1))
            .map(|chunk| (median(chunk.iter().map(&x)), median(chunk.iter().map(&y))))
            .collect();
        let mut slopes = Vec::new();
        for (place, (x1, y1)) in points.iter().enumerate() {
            for (x2, y2) in points.iter().skip(place + 1) {
                if x2 > x1 {
                    slopes.push((y2 - y1) / (x2 - x1));
                }
            }
        }
        let last = points.last().map_or(0.0, |(_, y)| *y);
        if slopes.is_empty() {
            return Self {
                middle: 0.0,
                low: 0.0,
                high: 0.0,
                last,
            };
        }
        Self {
            middle: percentile(&mut slopes, 0.5),
            low: percentile(&mut slopes, 0.25),
            high: percentile(&mut slopes, 0.75),
            last,
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(&mut values.collect::<Vec<_>>(), 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u32, value: u64) -> Sample {
        Sample {
            at_s: f64::from(at),
            resident: value,
            anonymous: 0,
            descriptors: 0,
            threads: 0,
            disk: 0,
            stored: 0,
        }
    }

    fn slope(samples: &[Sample]) -> Slope {
        Slope::of(samples, |sample| sample.at_s, |sample| sample.resident as f64)
    }

    #[test]
    fn a_leak_shows_through_peaks() {
        let leaks: Vec<Sample> = (0..900)
            .map(|at| {
                line(
                    at,
                    1_000 + 3 * u64::from(at) + if at % 50 == 0 { 90_000 } else { 0 },
                )
            })
            .collect();
        let slope = slope(&leaks);
        assert!((2.9..3.1).contains(&slope.middle), "{slope:?}");
    }

    #[test]
    fn peaks_are_no_leak() {
        let calm: Vec<Sample> = (0..900)
            .map(|at| line(at, 1_000 + if at % 50 == 0 { 90_000 } else { u64::from(at % 7) }))
            .collect();
        assert!(slope(&calm).middle.abs() < 0.01);
        assert!(slope(&[]).middle.abs() < f64::EPSILON, "nothing is no growth");
    }
}
