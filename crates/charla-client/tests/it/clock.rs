//! A machine on virtual time: a clock that only moves when told, and whatever came out so far.

use std::time::Duration;

use charla_client::Problem;
use charla_client::machine::{Effect, Event, Machine, Name, Policy};

/// Numbers that do not depend on the day (MINSTD, Park and Miller 1988); the browser client's tests draw the same.
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^31")]
    pub(crate) fn draw(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 as f64 / 2_147_483_647.0
    }

    /// Any of a list.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "short lists, and draws from 0 up to 1"
    )]
    pub(crate) fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[(self.draw() * list.len() as f64) as usize]
    }
}

/// The machine, its clock and its numbers.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) machine: Machine,
    pub(crate) now: Duration,
    pub(crate) draws: Draws,
    pub(crate) effects: Vec<Effect>,
}

impl Clock {
    pub(crate) fn new(policy: Policy, seed: u64) -> Self {
        Self {
            machine: Machine::new(policy),
            now: Duration::from_secs(1_000),
            draws: Draws::seeded(seed),
            effects: Vec::new(),
        }
    }

    /// What came out of this event; kept too.
    pub(crate) fn feed(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.machine.step(event, self.now, &mut || self.draws.draw());
        self.effects.extend_from_slice(&effects);
        effects
    }

    /// Lets time pass up to the deadline.
    pub(crate) fn next(&mut self) -> Vec<Effect> {
        let deadline = self.machine.deadline().expect("something is due");
        self.now = self.now.max(deadline);
        self.feed(Event::Wake)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.machine.deadline().is_some_and(|at| at <= until) {
            self.next();
        }
        self.now = until;
    }

    pub(crate) fn count(&self, effect: &Effect) -> usize {
        self.effects.iter().filter(|other| *other == effect).count()
    }

    /// Lives for that long beside a server which does this to every attempt.
    pub(crate) fn live(
        &mut self,
        time: Duration,
        mut fate: impl FnMut(&mut Self),
        problem: Option<&Problem>,
    ) {
        let end = self.now + time;
        while self.now < end {
            let name = self.machine.name();
            match name {
                Name::Refreshing => {
                    self.feed(Event::Token);
                }
                Name::Connecting => fate(self),
                Name::Idle | Name::Connected | Name::Waiting | Name::Disabled | Name::Closed => {
                    if name == Name::Waiting {
                        self.feed(Event::Named(problem.cloned()));
                    }
                    if self.machine.name() != name {
                        continue;
                    }
                    if self.machine.deadline().is_none_or(|at| at > end) {
                        break;
                    }
                    self.next();
                }
            }
        }
        self.now = self.now.max(end);
    }
}
