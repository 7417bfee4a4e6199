//! When to leave an authority alone that does not answer: [`Breaker`].
//!
//! After some failures in a row nobody asks for a while; then one question goes ahead, and its answer decides for the others.
//! Each wait is twice the one before. So an authority that is away costs its time-out once a wait, and not once a connection.

use charla_core::Millis;

/// Failures in a row before nobody asks.
pub(super) const FAILURES: u32 = 5;
/// The first wait.
const WAIT_FIRST: Millis = 1_000;
/// The longest one: what a client waits after a long outage on top of its own back-off.
const WAIT_MAX: Millis = 30_000;

/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admit {
    /// Ask.
    Go,
    /// Ask, for all the others that wait.
    Probe,
    /// Leave it alone for so long, in milliseconds.
    Wait(Millis),
}

/// How the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Millis, wait: Millis },
    HalfOpen { until: Millis, wait: Millis },
}

/// Counts failures, and says when to ask.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed { failures: 0 },
        }
    }
}

impl Breaker {
    /// May a question be asked?
    pub(super) fn admit(&mut self, now: Millis) -> Admit {
        match self.state {
            State::Closed { .. } => Admit::Go,
            // A probe that never came to an end, whatever became of it, is not waited for either.
            State::Open { until, wait } | State::HalfOpen { until, wait } if now >= until => {
                self.state = State::HalfOpen {
                    until: now + WAIT_MAX,
                    wait,
                };
                Admit::Probe
            }
            State::Open { until, .. } => Admit::Wait(until - now),
            State::HalfOpen { wait, .. } => Admit::Wait(wait),
        }
    }

    /// An answer came: it is there.
    pub(super) fn answered(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// No answer came to what [`Breaker::admit`] let pass. What was asked before it opened counts no more.
    pub(super) fn failed(&mut self, admitted: Admit, now: Millis) {
        self.state = match (self.state, admitted) {
            (State::Closed { failures }, _) if failures + 1 >= FAILURES => open(now, WAIT_FIRST),
            (State::Closed { failures }, _) => State::Closed {
                failures: failures + 1,
            },
            (State::HalfOpen { wait, .. }, Admit::Probe) => open(now, (wait * 2).min(WAIT_MAX)),
            (state, _) => state,
        };
    }

    /// 0 while questions are asked, 1 while one is asked for all, 2 while none is.
    pub(super) const fn figure(&self) -> i64 {
        match self.state {
            State::Closed { .. } => 0,
            State::HalfOpen { .. } => 1,
            State::Open { .. } => 2,
        }
    }
}

const fn open(now: Millis, wait: Millis) -> State {
    State::Open {
        until: now + wait,
        wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(0), Admit::Go);
            breaker.failed(Admit::Go, 0);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(Admit::Go, 0);
            breaker.answered();
        }
        assert_eq!(breaker.admit(0), Admit::Go);
        let mut breaker = opened();
        assert_eq!(breaker.admit(1), Admit::Wait(WAIT_FIRST - 1));
        assert_eq!(breaker.figure(), 2);
    }

    #[test]
    fn one_goes_ahead_and_decides_for_all() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(WAIT_FIRST), Admit::Probe);
        assert_eq!(breaker.admit(WAIT_FIRST), Admit::Wait(WAIT_FIRST));
        assert_eq!(breaker.figure(), 1);
        breaker.answered();
        assert_eq!(breaker.admit(WAIT_FIRST), Admit::Go);
        let mut breaker = opened();
        assert_eq!(breaker.admit(WAIT_FIRST), Admit::Probe);
        assert_eq!(
            breaker.admit(WAIT_FIRST + WAIT_MAX),
            Admit::Probe,
            "the first one is lost"
        );
    }

    #[test]
    fn each_wait_is_longer_up_to_a_limit() {
        let mut breaker = opened();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let Admit::Wait(wait) = breaker.admit(now) else {
                panic!("it is open");
            };
            waits.push(wait);
            now += wait;
            assert_eq!(breaker.admit(now), Admit::Probe);
            // Somebody who asked before it opened is late; that says nothing new.
            breaker.failed(Admit::Go, now);
            breaker.failed(Admit::Probe, now);
        }
        assert_eq!(
            waits,
            [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
        );
    }
}
