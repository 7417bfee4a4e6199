//! When to connect, when to wait, when to stop: the reconnect policy as a pure machine.
//!
//! [`Event`]s go in, [`Effect`]s come out. No socket, no timer, no clock and no randomness of its own: callers pass the
//! time (since any fixed origin; it never runs backwards) and a source of numbers in `[0, 1)`, carry the effects out and feed
//! [`Event::Wake`] at the one [`Machine::deadline`].
//!
//! The rules stand in `docs/reconnect.md`; `protocol/vectors/reconnect.json` holds this machine and the browser
//! client's to them, effect by effect.

mod connection;
mod decide;
mod event;
mod policy;
mod state;
mod step;

use std::sync::Arc;
use std::time::Duration;

pub use event::{Effect, Event};
pub use policy::Policy;
pub use state::{Held, Name, State};

use crate::closes::{CauseName, Problem};
use state::{Pause, Phase, Place};
use step::Step;

/// Before a server says how often it lets itself be heard.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(25);

/// One client's reconnecting. A simulation holds a million of them, so policies and problems are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    policy: Arc<Policy>,
    phase: Phase,
    tally: Tally,
    /// Attempts since the last stable connection, whoever asked for them.
    total: u32,
    /// Stable connections in a row that lived shorter than [`Policy::calm`].
    short_lives: u32,
    last: Option<Arc<Problem>>,
    page: Page,
    revived_at: Option<Duration>,
    /// Zero: the peer knows no ping, silence means nothing.
    heartbeat: Duration,
}

/// What a stable connection forgets.
#[derive(Debug, Clone, PartialEq)]
struct Tally {
    place: Place,
    /// Whether the attempt under way was counted.
    counted: bool,
    /// The server's advice was followed once already, uncounted.
    advised: bool,
    /// The preflight of this cycle was spent.
    asked: bool,
    token: Token,
    /// What the preflight answered: said of later failures that name nothing themselves.
    named: Option<Arc<Problem>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    /// Until when this cycle may use the one that the caller holds; zero: it must get one first.
    until: Duration,
    /// The refusal for which it was fetched.
    refused: Option<CauseName>,
}

/// What the page is going through; a program is always online and looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Page {
    online: bool,
    frozen: bool,
    hidden_at: Option<Duration>,
}

impl Tally {
    /// Of a client that owes nobody anything.
    const FRESH: Self = Self {
        place: Place {
            attempt: 0,
            cycle: 1,
            spent: 0,
        },
        counted: false,
        advised: false,
        asked: false,
        token: Token {
            until: Duration::ZERO,
            refused: None,
        },
        named: None,
    };
}

impl Page {
    /// Whether somebody may be looking.
    fn attended(self) -> bool {
        self.hidden_at.is_none() && !self.frozen
    }
}

impl Machine {
    /// Idle until [`Event::Connect`].
    #[must_use]
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self {
            policy: policy.into(),
            phase: Phase::Idle,
            tally: Tally::FRESH,
            total: 0,
            short_lives: 0,
            last: None,
            page: Page {
                online: true,
                frozen: false,
                hidden_at: None,
            },
            revived_at: None,
            heartbeat: DEFAULT_HEARTBEAT,
        }
    }

    /// Takes one event in; what comes out is to be done in this order.
    pub fn step(&mut self, event: Event, now: Duration, random: &mut dyn FnMut() -> f64) -> Vec<Effect> {
        let mut step = Step {
            m: self,
            now,
            random,
            effects: Vec::new(),
        };
        step.take(event);
        step.effects
    }

    /// When to feed [`Event::Wake`]; `None` while nothing but another event moves the machine.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.phase.deadline(self.heartbeat)
    }

    /// The state's name, without the rest of it.
    #[must_use]
    pub fn name(&self) -> Name {
        self.phase.name()
    }

    /// What a person may be told.
    #[must_use]
    pub fn state(&self) -> State {
        let mut place = self.tally.place;
        let mut state = State {
            name: self.name(),
            problem: None,
            retry_in: None,
            until: None,
            attempt: 0,
            of: self.policy.attempts,
            cycle: 1,
            spent: 0,
            held: None,
            exhausted: false,
        };
        match &self.phase {
            Phase::Idle | Phase::Closed => {}
            Phase::Connected(connection) => place = connection.place,
            Phase::Refreshing { .. } | Phase::Connecting { .. } => state.problem.clone_from(&self.last),
            Phase::Waiting(wait) => {
                state.problem.clone_from(&self.last);
                place.attempt += u16::from(!wait.free);
                match wait.pause {
                    Pause::Until { at, delay } => {
                        state.until = Some(at);
                        state.retry_in = Some(delay);
                    }
                    Pause::Held(held) => state.held = Some(held),
                }
            }
            Phase::Disabled(dormant) => {
                state.problem.clone_from(&self.last);
                state.exhausted = dormant.exhausted;
            }
        }
        state.attempt = place.attempt;
        state.cycle = place.cycle;
        state.spent = place.spent;
        state
    }

    /// The last failure, also while connected again.
    #[must_use]
    pub fn last(&self) -> Option<&Problem> {
        self.last.as_deref()
    }

    /// Attempts since the last stable connection, whoever asked for them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The numbers it goes by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_machines_fit_into_a_quarter_of_a_gigabyte() {
        let bytes = size_of::<Machine>();
        assert!(bytes <= 256, "{bytes} bytes");
    }
}
