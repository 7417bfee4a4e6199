//! The six others: each a formula for the wait before the n-th attempt, read in its source in 2026.
//!
//! None of them has a limit, asks for a new token while its server is away, or reads what a server advises.

use super::super::random::Random;
use super::{News, Next, Policy};

/// A policy without a memory of its own but a count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Formula {
    /// Milliseconds before the `nth` attempt (1, 2, ...). `page` was drawn once when the page was loaded, `random` is
    /// new; both are in 0..1.
    delay_ms: fn(nth: u32, page: f64, random: f64) -> f64,
    /// When it leaves the `nth` attempt, if nobody answers.
    patience_ms: fn(nth: u32) -> u32,
    /// What the wait follows when the attempt before failed at once.
    after: After,
}

/// The moment from which a wait counts.
#[derive(Debug, Clone, Copy)]
enum After {
    /// The failure.
    Failure,
    /// The end of the patience: an attempt that failed early is waited out like one that nobody answers.
    Patience,
}

/// It never closes an unanswered socket itself; the browser does in its own time.
const BROWSER_PATIENCE_MS: u32 = 120_000;

/// `Socket`'s default `reconnectAfterMs`: a table, the same for every client.
pub(crate) const PHOENIX: Formula = Formula {
    delay_ms: |nth, _, _| {
        const TABLE_MS: [f64; 9] = [10.0, 50.0, 100.0, 150.0, 200.0, 250.0, 500.0, 1_000.0, 2_000.0];
        let row = TABLE_MS.get(nth as usize - 1);
        row.copied().unwrap_or(5_000.0)
    },
    patience_ms: |_| BROWSER_PATIENCE_MS,
    after: After::Failure,
};

/// `Backoff.duration()` with the manager's `reconnectionDelay`, `reconnectionDelayMax` and `randomizationFactor`:
/// the parity of the draw's first decimal chooses the side, and the cap comes after the jitter.
pub(crate) const SOCKET_IO: Formula = Formula {
    delay_ms: |nth, _, random| {
        let base = 1_000.0 * doubled(nth);
        let deviation = (random * 0.5 * base).floor();
        let shorter = (random * 10.0).floor() % 2.0 == 0.0;
        let jittered = if shorter {
            base - deviation
        } else {
            base + deviation
        };
        jittered.min(5_000.0).floor()
    },
    patience_ms: |_| 20_000,
    after: After::Failure,
};

/// `ConnectionManager`: `retryIn(1000)` when an open connection is lost. From then on its `SequentialStrategy` rules
/// (`timeout` 15,000, `timeoutLimit` 60,000, `loop`, no `failFast`): a failed attempt waits for its timer, which
/// doubles. `unavailableTimeout` changes the state's name and nothing else. Who has been connected for longer than
/// half an hour has no remembered transport to try first. What its HTTP transports try beside is left out.
pub(crate) const PUSHER: Formula = Formula {
    delay_ms: |nth, _, _| if nth == 1 { 1_000.0 } else { 0.0 },
    patience_ms: |nth| match nth {
        0 | 1 => 15_000,
        2 => 30_000,
        _ => 60_000,
    },
    after: After::Patience,
};

/// `backoff(step, minReconnectDelay, maxReconnectDelay)`: full jitter over a half-second floor.
pub(crate) const CENTRIFUGE: Formula = Formula {
    delay_ms: |nth, _, random| {
        let bound = (500.0 * doubled(nth)).min(20_000.0);
        (500.0 + (random * bound).floor()).min(20_000.0)
    },
    patience_ms: |_| BROWSER_PATIENCE_MS,
    after: After::Failure,
};

/// `_getNextDelay`: the least delay, 1 to 5 s, is drawn once a page and grows by 1.3.
pub(crate) const RECONNECTING_WEBSOCKET: Formula = Formula {
    delay_ms: |nth, page, _| {
        let least = 1_000.0 + page * 4_000.0;
        let power = nth.saturating_sub(1).min(64);
        (least * 1.3_f64.powf(f64::from(power))).min(10_000.0)
    },
    patience_ms: |_| 4_000,
    after: After::Failure,
};

/// The loop that made 27,000 attempts: again after a second ("Reintentando en 1s..."), with the same token, for ever.
pub(crate) const ENDLESS_LOOP: Formula = Formula {
    delay_ms: |_, _, _| 1_000.0,
    patience_ms: |_| BROWSER_PATIENCE_MS,
    after: After::Failure,
};

fn doubled(nth: u32) -> f64 {
    2.0_f64.powf(f64::from(nth.saturating_sub(1).min(31)))
}

/// One of a formula's clients.
#[derive(Debug)]
pub(crate) struct Client {
    failed: u32,
    page: f32,
}

impl Formula {
    /// When its patience with the attempt of that time ends.
    fn left_ms(&self, client: &Client, asked_ms: u32) -> u32 {
        asked_ms.saturating_add((self.patience_ms)(client.failed))
    }

    fn again(&self, client: &mut Client, at_ms: u32, random: &mut Random) -> Next {
        client.failed += 1;
        let delay_ms = (self.delay_ms)(client.failed, f64::from(client.page), random.unit());
        Next::Attempt(at_ms.saturating_add(whole(delay_ms)))
    }
}

impl Policy for Formula {
    type Client = Client;

    fn client(&self, random: &mut Random) -> Client {
        Client {
            failed: 0,
            #[expect(clippy::cast_possible_truncation, reason = "24 bits of a draw are plenty")]
            page: random.unit() as f32,
        }
    }

    fn told(&self, client: &mut Client, news: News, at_ms: u32, random: &mut Random) -> Next {
        match news {
            News::Welcomed { asked_ms } => {
                let left_ms = self.left_ms(client, asked_ms);
                if at_ms <= left_ms {
                    Next::Back(at_ms)
                } else {
                    self.again(client, left_ms, random)
                }
            }
            News::Failed { asked_ms } => {
                let from_ms = match self.after {
                    After::Failure => at_ms,
                    After::Patience => at_ms.max(self.left_ms(client, asked_ms)),
                };
                self.again(client, from_ms, random)
            }
            // Tokens and preflights are never asked for.
            News::Lost { .. } | News::Token | News::Preflight { .. } => self.again(client, at_ms, random),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "delays are positive, and a cast of a float saturates"
)]
const fn whole(ms: f64) -> u32 {
    ms as u32
}

#[cfg(test)]
mod tests {
    use super::{
        CENTRIFUGE, Client, ENDLESS_LOOP, Formula, PHOENIX, PUSHER, RECONNECTING_WEBSOCKET, SOCKET_IO,
    };
    use crate::storm::policy::{News, Next, Policy as _};
    use crate::storm::random::Random;

    /// The 5th and the 95th of 100 among 20,000 draws of the n-th delay, as the published bands were taken.
    fn band(formula: Formula, nth: u32) -> (f64, f64) {
        let mut random = Random::new(u64::from(nth));
        let mut draws: Vec<f64> = (0..20_000)
            .map(|_| (formula.delay_ms)(nth, random.unit(), random.unit()))
            .collect();
        draws.sort_unstable_by(f64::total_cmp);
        (draws[1_000], draws[19_000])
    }

    #[track_caller]
    fn assert_band(formula: Formula, nth: u32, least: f64, most: f64) {
        let (low, high) = band(formula, nth);
        let near = |found: f64, told: f64| (found - told).abs() <= told * 0.03;
        assert!(
            near(low, least) && near(high, most),
            "{nth}: {low}..{high}, not {least}..{most}"
        );
    }

    #[test]
    fn phoenix_is_a_table() {
        let table = [10, 50, 100, 150, 200, 250, 500, 1_000, 2_000, 5_000, 5_000, 5_000];
        for (nth, delay) in (1..).zip(table) {
            assert_band(PHOENIX, nth, f64::from(delay), f64::from(delay));
        }
        assert_band(PHOENIX, 100_000, 5_000.0, 5_000.0);
    }

    #[test]
    fn socket_io_loses_its_jitter_at_the_cap() {
        assert_band(SOCKET_IO, 4, 4_595.0, 5_000.0);
        assert_band(SOCKET_IO, 5, 5_000.0, 5_000.0);
        assert_band(SOCKET_IO, 9, 5_000.0, 5_000.0);
        let (low, high) = band(SOCKET_IO, 1);
        assert!(
            low >= 500.0 && high <= 1_500.0 && high > low + 500.0,
            "{low}..{high}"
        );
    }

    #[test]
    fn centrifuge_jitters_to_the_end() {
        assert_band(CENTRIFUGE, 1, 525.0, 975.0);
        assert_band(CENTRIFUGE, 5, 900.0, 8_100.0);
        assert_band(CENTRIFUGE, 7, 1_500.0, 19_500.0);
        assert_band(CENTRIFUGE, 5_000, 1_500.0, 19_500.0);
    }

    #[test]
    fn reconnecting_websocket_draws_once_a_page() {
        for (nth, page, delay) in [
            (1, 0.0, 1_000.0),
            (1, 0.5, 3_000.0),
            (2, 0.5, 3_900.0),
            (3, 0.5, 5_070.0),
            (6, 0.5, 10_000.0),
            (9_999, 0.0, 10_000.0),
        ] {
            for random in [0.0, 0.7] {
                let drawn = (RECONNECTING_WEBSOCKET.delay_ms)(nth, page, random);
                assert!((drawn - delay).abs() < 1.0, "{nth} {page}: {drawn}");
            }
        }
    }

    #[test]
    fn the_loop_waits_a_second_always() {
        for nth in [1, 2, 27_000] {
            assert_band(ENDLESS_LOOP, nth, 1_000.0, 1_000.0);
        }
    }

    #[test]
    fn pusher_waits_a_second_once_and_then_for_its_timer() {
        let mut random = Random::new(1);
        let mut client = Client { failed: 0, page: 0.0 };
        let mut told = |news, at_ms| PUSHER.told(&mut client, news, at_ms, &mut random);
        assert_eq!(told(News::Lost { advice_ms: None }, 300), Next::Attempt(1_300));
        // However fast each attempt fails, the next is as far as the timer is long.
        let mut asked_ms = 1_300;
        for timer_ms in [15_000, 30_000, 60_000, 60_000, 60_000] {
            let next = told(News::Failed { asked_ms }, asked_ms + 40);
            asked_ms += timer_ms;
            assert_eq!(next, Next::Attempt(asked_ms));
        }
        // An answer in time ends it, a late one finds its attempt left for the next.
        let late = told(News::Welcomed { asked_ms }, asked_ms + 60_001);
        asked_ms += 60_000;
        assert_eq!(late, Next::Attempt(asked_ms));
        let back = told(News::Welcomed { asked_ms }, asked_ms + 60_000);
        assert_eq!(back, Next::Back(asked_ms + 60_000));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_a_failure() {
        let mut random = Random::new(1);
        let told = |at_ms, random: &mut Random| {
            let mut client = Client { failed: 1, page: 0.0 };
            let news = News::Welcomed { asked_ms: 1_000 };
            RECONNECTING_WEBSOCKET.told(&mut client, news, at_ms, random)
        };
        assert_eq!(told(5_000, &mut random), Next::Back(5_000));
        assert_eq!(told(5_001, &mut random), Next::Attempt(6_300));
    }
}
