//! What follows when an attempt fails or a connection ends: another attempt, a wait, or the end.

use std::sync::Arc;
use std::time::Duration;

use charla_wire::Cause;
use charla_wire::cause::Retry;

use super::Tally;
use super::event::Effect;
use super::state::{Dormant, Held, Pause, Phase, Wait};
use super::step::Step;
use crate::closes::Problem;

/// How a wait differs from the common one.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Ours: counted, and cut short when the network comes back.
    Own,
    /// The server's: not cut short.
    Advised,
    /// The server's, the first time: the attempt after it is not counted.
    Free,
}

impl Step<'_> {
    pub(super) fn attempt(&mut self, counted: bool) {
        self.m.tally.counted = counted;
        if counted {
            let place = &mut self.m.tally.place;
            place.attempt += 1;
            place.spent += 1;
            self.m.total = self.m.total.saturating_add(1);
            self.remember();
        }
        if self.now < self.m.tally.token.until {
            return self.open();
        }
        let by = self.now + self.m.policy.token_timeout;
        self.m.phase = Phase::Refreshing { by };
        self.effects.push(Effect::Token {
            refused: self.m.tally.token.refused.clone(),
            in_band: false,
        });
    }

    pub(super) fn open(&mut self) {
        let by = self.now + self.m.policy.connect_timeout;
        self.m.phase = Phase::Connecting { by };
        self.effects.push(Effect::Open);
    }

    /// An attempt failed, or a connection ended: what now?
    pub(super) fn lost(&mut self, bare: Problem) {
        self.ended();
        if !self.m.page.online && bare.retry != Retry::Stop {
            let free = self.m.tally.advised && !self.m.tally.counted;
            self.give_back();
            self.wait(Duration::ZERO, if free { Kind::Free } else { Kind::Own });
            return self.hold(Held::Offline);
        }
        let nameless = bare.cause.is_none();
        let problem = Arc::new(match &self.m.tally.named {
            Some(named) if nameless => Problem {
                retry: bare.retry,
                retry_in: None,
                ..Problem::clone(named)
            },
            _ => bare,
        });
        self.m.last = Some(Arc::clone(&problem));
        match problem.retry {
            Retry::Stop => return self.disable(problem, false),
            Retry::Refresh => return self.refresh(problem),
            Retry::Backoff | Retry::Wait | Retry::Resume => {}
        }
        match problem.retry_in {
            Some(advice) if !self.m.tally.advised => self.follow(advice),
            _ => self.back_off(problem, nameless && !self.m.tally.asked),
        }
    }

    /// The first advice is free: the server chose the moment, so the wait is its, not ours.
    pub(super) fn follow(&mut self, advice: Duration) {
        self.m.tally.advised = true;
        let delay = advice.min(self.m.policy.max_advice).max(self.calming());
        self.wait(delay, Kind::Free);
    }

    fn back_off(&mut self, problem: Arc<Problem>, asking: bool) {
        if self.m.tally.place.attempt >= self.m.policy.attempts && !self.next_cycle() {
            return self.disable(problem, true);
        }
        let at_once =
            problem.retry == Retry::Resume && self.m.tally.place.spent == 0 && self.m.short_lives < 2;
        match problem.retry_in {
            Some(advice) => self.wait(advice.min(self.m.policy.max_advice), Kind::Advised),
            // The server let go of a reader that was too slow: there is nothing to spare it.
            None if at_once => self.wait(Duration::ZERO, Kind::Own),
            None => {
                let delay = self.own_delay();
                self.wait(delay, Kind::Own);
            }
        }
        if let Phase::Waiting(wait) = &mut self.m.phase
            && asking
        {
            wait.answer_by = Some(self.now + self.m.policy.preflight_timeout);
            self.m.tally.asked = true;
            self.effects.push(Effect::Preflight);
        }
    }

    /// A new token at once, for a new cycle; a new token refused in the same words is a refusal for good.
    pub(super) fn refresh(&mut self, problem: Arc<Problem>) {
        let refused = &mut self.m.tally.token.refused;
        if *refused == problem.cause {
            return self.disable(problem, false);
        }
        refused.clone_from(&problem.cause);
        if !self.next_cycle() {
            return self.disable(problem, true);
        }
        let calming = self.calming();
        self.wait(calming, Kind::Own);
        if calming.is_zero() {
            self.go();
        }
    }

    fn next_cycle(&mut self) -> bool {
        let tally = &mut self.m.tally;
        let more = tally.place.cycle < self.m.policy.cycles;
        if more {
            tally.place.cycle += 1;
            tally.place.attempt = 0;
            tally.token.until = Duration::ZERO;
            tally.asked = false;
        }
        more
    }

    pub(super) fn go(&mut self) {
        let Phase::Waiting(Wait { free, .. }) = self.m.phase else {
            return;
        };
        if !self.m.page.online {
            self.hold(Held::Offline);
        } else if !self.m.page.attended() && !free {
            self.hold(Held::Hidden);
        } else {
            self.attempt(!free);
        }
    }

    /// For the last problem.
    pub(super) fn wait(&mut self, delay: Duration, kind: Kind) {
        let at = self.now + delay;
        self.m.phase = Phase::Waiting(Wait {
            pause: Pause::Until { at, delay },
            not_before: if kind == Kind::Own { Duration::ZERO } else { at },
            free: kind == Kind::Free,
            answer_by: None,
        });
    }

    pub(super) fn hold(&mut self, held: Held) {
        if held == Held::Offline {
            self.m.last = Some(Arc::new(Problem::of_cause(Cause::Offline)));
        }
        if let Phase::Waiting(wait) = &mut self.m.phase {
            wait.pause = Pause::Held(held);
            wait.answer_by = None;
        }
    }

    pub(super) fn revive(&mut self) {
        // What a server refused for good stays refused, however often the train leaves a tunnel.
        if !matches!(self.m.phase, Phase::Disabled(Dormant { exhausted: true, .. })) || !self.m.page.online {
            return;
        }
        let since = self.m.revived_at.map(|at| self.now.saturating_sub(at));
        if since.is_some_and(|since| since < self.m.policy.revive) {
            return;
        }
        self.m.revived_at = Some(self.now);
        self.forget();
        self.wait(Duration::ZERO, Kind::Own);
        self.go();
    }

    pub(super) fn disable(&mut self, problem: Arc<Problem>, exhausted: bool) {
        self.m.last = Some(problem);
        let every = self.m.policy.dormant_probe;
        let probes = exhausted && !every.is_zero();
        self.m.phase = Phase::Disabled(Dormant {
            exhausted,
            probe_at: probes.then(|| self.now + every),
            probing: false,
        });
    }

    pub(super) fn settle(&mut self) {
        if let Phase::Connected(connection) = &mut self.m.phase
            && connection.settles(self.now, &self.m.policy)
        {
            self.m.tally = Tally::FRESH;
            if self.m.total > 0 {
                self.m.total = 0;
                self.remember();
            }
        }
    }

    /// Counts the connection's life, if there was one.
    fn ended(&mut self) {
        self.settle();
        if let Phase::Connected(connection) = &self.m.phase
            && connection.stable()
        {
            let calm = self.now.saturating_sub(connection.since) >= self.m.policy.calm;
            self.m.short_lives = if calm {
                0
            } else {
                self.m.short_lives.saturating_add(1)
            };
            // What took the connection away left the token good: 100,000 clients of a crashed server need not all ask
            // for one.
            self.m.tally.token.until = connection.token_good_until();
        }
    }

    pub(super) fn forget(&mut self) {
        self.m.tally = Tally::FRESH;
        self.m.short_lives = 0;
    }

    fn give_back(&mut self) {
        if !self.m.tally.counted {
            return;
        }
        self.m.tally.counted = false;
        self.m.tally.place.attempt -= 1;
        self.m.tally.place.spent -= 1;
        self.m.total -= 1;
        self.remember();
    }

    fn own_delay(&mut self) -> Duration {
        let nth = u32::from(self.m.tally.place.spent).max(self.m.short_lives).max(1);
        self.m.policy.delay(nth, self.random)
    }

    /// One short life is an accident, a row of them a loop: it goes slower and slower, whatever the reason given.
    fn calming(&mut self) -> Duration {
        if self.m.short_lives > 1 {
            self.own_delay()
        } else {
            Duration::ZERO
        }
    }

    fn remember(&mut self) {
        self.effects.push(Effect::Remember { spent: self.m.total });
    }

    pub(super) fn ask_token_in_band(&mut self) {
        self.effects.push(Effect::Token {
            refused: None,
            in_band: true,
        });
    }

    pub(super) fn shut(&mut self, code: u16, reason: &'static str) {
        self.effects.push(Effect::Shut { code, reason });
    }
}
