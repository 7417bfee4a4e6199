//! When something is tried again: the wait grows fourfold and is spread, and the endpoint may ask for a longer one.

use std::time::Duration;

use charla_wire::Timestamp;

/// The longest wait that an endpoint can ask for.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// How many times as long each wait is as the one before.
const FACTOR: u32 = 4;

/// The wait after the `attempt`-th failure. `spread` is a random number from 0 to below 1: the wait is four fifths to six fifths of what it
/// would be.
pub(super) fn wait(attempt: u32, (min, max): (Duration, Duration), spread: f64) -> Duration {
    let growth = FACTOR.saturating_pow(attempt.saturating_sub(1));
    let plain = min.saturating_mul(growth).min(max);
    plain.mul_f64(0.8 + 0.4 * spread)
}

/// What `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or a date.
pub(super) fn asked(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let asked = match header.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(header).ok()?;
            let ahead = date.timestamp().as_millisecond().saturating_sub(now.as_millis());
            Duration::from_millis(u64::try_from(ahead).unwrap_or(0))
        }
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WebhookSettings;

    #[test]
    fn waits_grow_and_end_within_a_day() {
        let settings = WebhookSettings::default();
        let bounds = (settings.retry_min, settings.retry_max);
        let waits: Vec<u64> = (1..settings.attempts)
            .map(|n| wait(n, bounds, 0.5).as_secs())
            .collect();
        assert_eq!(
            waits,
            [5, 20, 80, 320, 1280, 5120, 14_400, 14_400, 14_400, 14_400, 14_400]
        );
        let hours = waits.iter().sum::<u64>() / 3600;
        assert_eq!(hours, 21);
        assert_eq!(wait(1, bounds, 0.0), Duration::from_secs(4));
        assert!(wait(1, bounds, 0.999) < Duration::from_secs(6));
        assert!(wait(u32::MAX, bounds, 0.0) < bounds.1);
    }

    #[test]
    fn an_endpoint_may_ask_for_a_wait_in_seconds_or_by_a_date() {
        let now = Timestamp::from_millis(784_111_777_000);
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("99999999", Some(24 * 3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(asked(header, now).map(|wait| wait.as_secs()), seconds, "{header}");
        }
    }
}
