//! Durations and sizes as people write them: `25s`, `1h30m`, `64KiB`. What is printed reads back as the same value.

use std::time::Duration;

/// Units of a duration, largest first, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 24 * 3600 * 1000),
    ("h", 3600 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Units of a size, largest first, in bytes.
const SIZE_UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `500ms`, `25s`, `10m`, `8h`, `7d` or several in a row; `None` for anything else, negative values too.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut millis = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let (_, factor) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = next;
    }
    Some(Duration::from_millis(millis))
}

/// Writes a duration in the largest unit that says it exactly; fractions of a millisecond are cut.
#[must_use]
pub fn print_duration(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".into();
    }
    TIME_UNITS
        .iter()
        .find(|(_, factor)| millis.is_multiple_of(*factor))
        .map_or_else(
            || format!("{millis}ms"),
            |(unit, factor)| format!("{}{unit}", millis / factor),
        )
}

/// Reads `65536` or `64KiB`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = SIZE_UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((text, 1));
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Writes a size in the largest unit that says it exactly; `None` where plain bytes say it best.
pub(super) fn print_size(bytes: u64) -> Option<String> {
    SIZE_UNITS
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .map(|(unit, factor)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back() {
        for (text, millis) in [
            ("500ms", 500),
            ("25s", 25_000),
            ("10m", 600_000),
            ("8h", 28_800_000),
            ("7d", 604_800_000),
        ] {
            let time = Duration::from_millis(millis);
            assert_eq!(parse_duration(text), Some(time), "{text}");
            assert_eq!(print_duration(time), text);
        }
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(
            parse_duration(&print_duration(Duration::ZERO)),
            Some(Duration::ZERO)
        );
        for bad in [
            "",
            "25",
            "-5s",
            "5 s",
            "5x",
            "s",
            "1.5s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sizes_read_back() {
        for (text, bytes) in [("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(print_size(bytes).as_deref(), Some(text));
        }
        assert_eq!(parse_size("1000"), Some(1000));
        assert_eq!(print_size(1000), None);
        for bad in ["", "KiB", "-1", "64KB", "1.5MiB", "99999999999GiB"] {
            assert_eq!(parse_size(bad), None, "{bad:?}");
        }
    }
}
