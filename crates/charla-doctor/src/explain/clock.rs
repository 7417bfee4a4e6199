//! One clock for every kind of log: seconds since 1970, UTC.
//!
//! Times without a zone are taken for the zone that the last one with a zone had (an access log says it), else for UTC;
//! those without a year or a day get the latest that is not in the future.

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A line's own time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stamp {
    /// On the common clock.
    At(f64),
    /// On a clock of the source's own that began with its section: seconds.
    Since(f64),
}

/// Turns what logs write into [`Stamp`]s.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// Seconds east of Greenwich, of the last zone that was seen.
    zone: i64,
    /// There was one.
    zoned: bool,
    /// What the machine's own clock says; nothing is later than a day after it.
    today: i64,
    /// The last time with a date.
    last: Option<i64>,
}

impl Clock {
    pub(super) fn new(now: f64) -> Self {
        Self {
            zone: 0,
            zoned: false,
            today: whole(now),
            last: None,
        }
    }

    /// Whether a zone was seen: without one times may be off by it.
    pub(super) fn zoned(&self) -> bool {
        self.zoned
    }

    /// The time at the beginning of a line, or in the brackets of an access log.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<Stamp> {
        let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let line = line.get(start..)?;
        let stamp = match line.first()? {
            b'+' => return offset(line),
            b'[' => self.bracketed(line),
            b'0'..=b'9' => self.numeric(line),
            b'A'..=b'Z' => self.monthly(line),
            _ => None,
        };
        let stamp = stamp.or_else(|| self.common(line));
        if let Some(Stamp::At(at)) = stamp {
            self.last = Some(whole(at));
        }
        stamp
    }

    /// `2026-11-22 21:51:59,564`, `2026-11-22T21:51:59.564Z`, `2026/11/22 22:46:44`, `21:51:59.564`,
    /// `1234:M 22 Nov 2026 22:17:57.123`.
    fn numeric(&mut self, line: &[u8]) -> Option<Stamp> {
        if matches!(line.get(4), Some(b'-' | b'/')) {
            return self.dated(line);
        }
        if line.get(2) == Some(&b':') && line.get(5) == Some(&b':') {
            return self.of_day(line);
        }
        let colon = line.iter().take(12).position(|byte| *byte == b':')?;
        let rest = line.get(colon + 3..)?;
        if line.get(colon + 2) != Some(&b' ') {
            return None;
        }
        let day = number(rest.get(..2)?)?;
        let month = month(rest.get(3..6)?)?;
        let year = number(rest.get(7..11)?)?;
        let (seconds, _) = time_of_day(rest.get(12..)?)?;
        self.naive(days(year, month, day), seconds)
    }

    fn dated(&mut self, line: &[u8]) -> Option<Stamp> {
        let year = number(line.get(..4)?)?;
        let month = number(line.get(5..7)?)?;
        let day = number(line.get(8..10)?)?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let (seconds, rest) = time_of_day(line.get(11..)?)?;
        let days = days(year, month, day);
        match zone(rest) {
            Some(zone) => {
                (self.zone, self.zoned) = (zone, true);
                Some(Stamp::At(float(days * DAY - zone) + seconds))
            }
            None => self.naive(days, seconds),
        }
    }

    /// `[22/Nov/2026:21:52:02 +0000]`, `[22/Nov/2026 21:52:02]`, `[2026-11-22 ...]`, `[12:34:56]`, and the kernel's own
    /// `[12345.678901]`, `[Sun Nov 22 21:52:02 2026]`.
    fn bracketed(&mut self, line: &[u8]) -> Option<Stamp> {
        let inner = line.get(1..)?;
        if inner.get(2) == Some(&b'/') {
            return self.common(line);
        }
        if inner.first()?.is_ascii_digit() && (inner.get(4) == Some(&b'-') || inner.get(2) == Some(&b':')) {
            return self.numeric(inner);
        }
        if inner.get(3) == Some(&b' ') && inner.get(20).is_some_and(u8::is_ascii_digit) {
            let month = month(inner.get(4..7)?)?;
            let day = number(inner.get(8..10)?)?;
            let (seconds, _) = time_of_day(inner.get(11..)?)?;
            let year = number(inner.get(20..24)?)?;
            return self.naive(days(year, month, day), seconds);
        }
        None
    }

    /// `[22/Nov/2026:21:52:02 +0000]` anywhere in the first 400 bytes.
    fn common(&mut self, line: &[u8]) -> Option<Stamp> {
        let head = line.get(..400).unwrap_or(line);
        let mut brackets = memchr::memchr_iter(b'[', head);
        let inner = brackets.find_map(|at| {
            let inner = line.get(at + 1..)?;
            (inner.get(2) == Some(&b'/') && inner.get(6) == Some(&b'/')).then_some(inner)
        })?;
        let day = number(inner.get(..2)?)?;
        let month = month(inner.get(3..6)?)?;
        let year = number(inner.get(7..11)?)?;
        let (seconds, rest) = time_of_day(inner.get(12..)?)?;
        let days = days(year, month, day);
        match zone(rest) {
            Some(zone) => {
                (self.zone, self.zoned) = (zone, true);
                Some(Stamp::At(float(days * DAY - zone) + seconds))
            }
            None => self.naive(days, seconds),
        }
    }

    /// `Nov 22 21:52:02 host uvicorn[1]: ...`
    fn monthly(&mut self, line: &[u8]) -> Option<Stamp> {
        let month = month(line.get(..3)?)?;
        let day = match line.get(4..6)? {
            [b' ', day] => number(&[*day])?,
            two => number(two)?,
        };
        let (seconds, _) = time_of_day(line.get(7..)?)?;
        let (year, _, _) = civil(self.today.div_euclid(DAY));
        let this_year = days(year, month, day);
        let late = this_year * DAY > self.today + DAY;
        let day = if late {
            days(year - 1, month, day)
        } else {
            this_year
        };
        self.naive(day, seconds)
    }

    /// `21:51:59.564`: today, or the day of the last line that had one.
    fn of_day(&mut self, line: &[u8]) -> Option<Stamp> {
        let (seconds, _) = time_of_day(line)?;
        let near = self.last.unwrap_or(self.today) + self.zone;
        let mut day = near.div_euclid(DAY);
        let apart = day * DAY + whole(seconds) - near;
        if self.last.is_some() && apart < -(DAY / 2) {
            day += 1;
        }
        self.naive(day, seconds)
    }

    #[allow(clippy::unnecessary_wraps, reason = "its callers hand it on")]
    fn naive(&mut self, day: i64, seconds: f64) -> Option<Stamp> {
        Some(Stamp::At(float(day * DAY - self.zone) + seconds))
    }
}

/// `+00264ms`, as recorders write it.
fn offset(line: &[u8]) -> Option<Stamp> {
    let digits = line
        .get(1..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let unit = line.get(1 + digits..3 + digits)?;
    let value = number(line.get(1..=digits)?)?;
    (unit == b"ms").then(|| Stamp::Since(float(value) / 1_000.0))
}

/// `21:51:59`, with `.564` or `,564`: seconds of the day, and what follows.
fn time_of_day(text: &[u8]) -> Option<(f64, &[u8])> {
    let (hour, minute, second) = (text.get(..2)?, text.get(3..5)?, text.get(6..8)?);
    if text.get(2) != Some(&b':') || text.get(5) != Some(&b':') {
        return None;
    }
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut seconds = float(hour * HOUR + minute * MINUTE + second);
    let mut rest = text.get(8..).unwrap_or_default();
    if let [b'.' | b',', fraction @ ..] = rest
        && fraction.first().is_some_and(u8::is_ascii_digit)
    {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = number(fraction.get(..digits.min(9))?)?;
        let power = i32::try_from(digits.min(9)).unwrap_or(9);
        seconds += float(value) / 10_f64.powi(power);
        rest = fraction.get(digits..).unwrap_or_default();
    }
    Some((seconds, rest))
}

/// `Z`, ` +0000`, `+01:00`: seconds east.
fn zone(rest: &[u8]) -> Option<i64> {
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let (sign, digits) = match rest.first()? {
        b'Z' => return Some(0),
        b'+' => (1, rest.get(1..)?),
        b'-' => (-1, rest.get(1..)?),
        _ => return None,
    };
    let hours = number(digits.get(..2)?)?;
    let minutes = match digits.get(2)? {
        b':' => number(digits.get(3..5)?)?,
        _ => number(digits.get(2..4)?)?,
    };
    Some(sign * (hours * HOUR + minutes * MINUTE))
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

fn month(name: &[u8]) -> Option<i64> {
    let at = MONTHS.iter().position(|month| month.as_slice() == name)?;
    i64::try_from(at + 1).ok()
}

/// Days since 1970 of a civil date; Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The same backwards: `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[allow(clippy::cast_precision_loss, reason = "times of this era need 31 bits")]
fn float(value: i64) -> f64 {
    value as f64
}

/// Whole seconds.
#[allow(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 21:52:02 UTC.
    const AT: f64 = 1_795_384_322.0;

    #[test]
    fn every_kind_of_time_is_read() {
        let rows: [(&str, Option<f64>); 14] = [
            ("2026-11-22 21:52:02,564 WARNING chat", Some(AT + 0.564)),
            ("2026-11-22T21:52:02.25Z  INFO charla", Some(AT + 0.25)),
            ("2026-11-22T23:52:02+02:00 x", Some(AT)),
            ("2026/11/22 21:52:02 [error] 1#1: *2 x", Some(AT)),
            (r#"127.0.0.1 - - [22/Nov/2026:21:52:02 +0000] "GET"#, Some(AT)),
            (r#"127.0.0.1 - - [22/Nov/2026:22:52:02 +0100] "GET"#, Some(AT)),
            (r#"[22/Nov/2026 21:52:02] "GET /ws/ HTTP/1.1" 404 1"#, Some(AT)),
            ("Nov 22 21:52:02 host uvicorn[1]: x", Some(AT)),
            ("418:M 22 Nov 2026 21:52:02.000 * Ready", Some(AT)),
            ("[Sun Nov 22 21:52:02 2026] Out of memory", Some(AT)),
            ("INFO:     connection open", None),
            ("Not a time at all: Nov", None),
            ("2026-99-99 99:99:99", None),
            ("", None),
        ];
        for (line, expected) in rows {
            let mut clock = Clock::new(AT + 3_600.0);
            let read = clock.read(line.as_bytes());
            assert_eq!(read, expected.map(Stamp::At), "{line}");
        }
        let mut clock = Clock::new(AT);
        assert_eq!(clock.read(b"+00264ms event"), Some(Stamp::Since(0.264)));
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        let mut clock = Clock::new(AT + 3_600.0);
        clock.read(b"x [22/Nov/2026:22:52:02 +0100] y");
        assert_eq!(clock.read(b"2026-11-22 22:52:02,0 naive"), Some(Stamp::At(AT)));
        assert_eq!(clock.read(b"22:52:03.5 app.js:12"), Some(Stamp::At(AT + 1.5)));
        assert_eq!(
            clock.read(b"00:10:00 after midnight"),
            Some(Stamp::At(AT + 4_678.0))
        );
        let mut clock = Clock::new(AT - 86_400.0 * 30.0);
        let Some(Stamp::At(last_year)) = clock.read(b"Nov 22 21:52:02 host x") else {
            panic!()
        };
        assert!((AT - last_year - 365.0 * 86_400.0).abs() < 1.0);
    }
}
