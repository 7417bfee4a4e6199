//! One step of the machine: an event is taken in and decided upon, what follows is written down as effects.

use std::sync::Arc;
use std::time::Duration;

use charla_wire::Cause;
use charla_wire::cause::Retry;

use super::connection::{Connection, Silence};
use super::event::{Effect, Event};
use super::policy::share;
use super::state::{Dormant, Held, Pause, Phase, Wait};
use super::{Machine, Tally};
use crate::closes::{CauseName, Problem};

/// The machine under way, with the world it may see.
pub(super) struct Step<'a> {
    pub(super) m: &'a mut Machine,
    pub(super) now: Duration,
    pub(super) random: &'a mut dyn FnMut() -> f64,
    pub(super) effects: Vec<Effect>,
}

/// How a wait differs from the common one.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Ours: counted, and cut short when the network comes back.
    Own,
    /// The server's: not cut short.
    Advised,
    /// The server's, the first time: the attempt after it is not counted.
    Free,
}

impl Step<'_> {
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Connect { carried } => self.connect(carried),
            Event::Close => {
                self.shut(1000, "");
                self.m.phase = Phase::Closed;
            }
            Event::Token => self.token(),
            Event::TokenFailed { cause, stop, detail } => self.token_failed(cause, stop, detail),
            Event::Opened => {
                if let Phase::Connecting { by } = &mut self.m.phase {
                    *by = self.now + self.m.policy.connect_timeout;
                }
            }
            Event::Welcomed {
                heartbeat,
                token_expires_in,
            } => self.welcomed(heartbeat, token_expires_in),
            Event::Closed { code, reason } => self.failed(|| Problem::of_close(code, &reason)),
            Event::Failed(problem) => self.failed(|| problem),
            Event::Named(problem) => self.named(problem),
            Event::Wake => self.wake(),
            Event::Online => self.online(),
            Event::Offline => {
                self.m.page.online = false;
                if matches!(self.m.phase, Phase::Waiting(_)) {
                    self.hold(Held::Offline);
                }
            }
            Event::Hidden => {
                self.m.page.hidden_at.get_or_insert(self.now);
            }
            Event::Visible => self.visible(),
            Event::Frozen => self.m.page.frozen = true,
            Event::Resumed => self.back(),
            Event::Heard => self.heard(),
            Event::Expiring { token_expires_in } => self.expiring(token_expires_in),
            Event::Renewed { token_expires_in } => self.renewed(Ok(token_expires_in)),
            Event::RenewFailed => self.renewed(Err(())),
        }
    }

    fn connect(&mut self, carried: u32) {
        let first = match self.m.phase {
            Phase::Refreshing { .. } | Phase::Connecting { .. } | Phase::Connected(_) => return,
            Phase::Idle => true,
            Phase::Waiting(_) | Phase::Disabled(_) | Phase::Closed => false,
        };
        self.forget();
        self.m.last = None;
        if !first {
            return self.attempt(true);
        }
        self.m.total = carried;
        match self.m.policy.reload_delay(carried, self.random) {
            None => self.attempt(true),
            Some(delay) => {
                self.m.last = Some(Arc::new(Problem::of_cause(Cause::ReloadLoop)));
                self.wait(delay, Kind::Own);
            }
        }
    }

    fn token(&mut self) {
        if let Phase::Refreshing { .. } = self.m.phase {
            self.m.tally.token.held = true;
            self.open();
        } else if let Phase::Connected(connection) = &mut self.m.phase
            && connection.token(self.now, &self.m.policy)
        {
            self.effects.push(Effect::Renew);
        }
    }

    fn token_failed(&mut self, cause: Option<CauseName>, stop: bool, detail: Option<Box<str>>) {
        if let Phase::Connected(connection) = &mut self.m.phase {
            connection.token_failed(self.now);
        }
        if !matches!(self.m.phase, Phase::Refreshing { .. }) {
            return;
        }
        let mut problem = Problem {
            cause: Some(cause.unwrap_or(CauseName::Known(Cause::TokenUnavailable))),
            code: 1006,
            retry: Retry::Backoff,
            detail,
            retry_in: None,
        };
        if !stop {
            return self.lost(problem);
        }
        // Why a new one was asked for says more than that there is none.
        if let (Some(_), Some(last)) = (&self.m.tally.token.refused, &self.m.last) {
            let last = Arc::clone(last);
            return self.disable(last, false);
        }
        problem.code = 4401;
        problem.retry = Retry::Stop;
        self.disable(Arc::new(problem), false);
    }

    fn welcomed(&mut self, heartbeat: Option<Duration>, expires_in: Option<Duration>) {
        let m = &mut *self.m;
        if !matches!(m.phase, Phase::Connecting { .. }) {
            return;
        }
        m.heartbeat = heartbeat.unwrap_or(m.heartbeat);
        let place = m.tally.place;
        let connection = Connection::new(self.now, place, m.heartbeat, expires_in, &m.policy);
        m.phase = Phase::Connected(connection);
    }

    fn heard(&mut self) {
        if let Phase::Connected(connection) = &mut self.m.phase {
            connection.heard(self.now);
            self.settle();
        }
    }

    fn expiring(&mut self, expires_in: Option<Duration>) {
        if let Phase::Connected(connection) = &mut self.m.phase
            && connection.expiring(self.now, expires_in, &self.m.policy)
        {
            self.ask_token_in_band();
        }
    }

    /// What became of the token that was sent over the open connection.
    fn renewed(&mut self, how: Result<Option<Duration>, ()>) {
        if let Phase::Connected(connection) = &mut self.m.phase {
            match how {
                Ok(expires_in) => connection.renewed(self.now, expires_in, &self.m.policy),
                Err(()) => connection.renew_failed(self.now),
            }
        }
    }

    fn failed(&mut self, problem: impl FnOnce() -> Problem) {
        if matches!(self.m.phase, Phase::Connecting { .. } | Phase::Connected(_)) {
            self.lost(problem());
        }
    }

    fn named(&mut self, problem: Option<Problem>) {
        if let Phase::Disabled(dormant) = &mut self.m.phase
            && dormant.probing
        {
            dormant.probing = false;
            match problem {
                Some(problem) => self.m.last = Some(Arc::new(problem)),
                None => self.revive(),
            }
            return;
        }
        let Phase::Waiting(wait) = &mut self.m.phase else {
            return;
        };
        let (Some(_), Pause::Until { at, .. }) = (wait.answer_by.take(), wait.pause) else {
            return;
        };
        self.m.tally.named = problem.map(Arc::new);
        if let Some(problem) = self.m.tally.named.clone() {
            self.m.last = Some(Arc::clone(&problem));
            match problem.retry {
                Retry::Stop => return self.disable(problem, false),
                Retry::Refresh => return self.refresh(problem),
                Retry::Backoff | Retry::Wait | Retry::Resume => {}
            }
            if let Some(advice) = problem.retry_in.filter(|_| !self.m.tally.advised) {
                return self.follow(advice);
            }
        }
        if self.now >= at {
            self.go();
        }
    }

    /// All that is due, which after a sleep may be much; each makes the next deadline later.
    fn wake(&mut self) {
        while self.m.deadline().is_some_and(|at| at <= self.now) {
            match &mut self.m.phase {
                Phase::Idle | Phase::Closed => return,
                Phase::Refreshing { .. } => self.lost(Problem::of_cause(Cause::TokenUnavailable)),
                Phase::Connecting { .. } => {
                    self.shut(4408, "handshake_timeout");
                    self.lost(Problem::of_close(1006, ""));
                }
                Phase::Waiting(_) => self.go(),
                Phase::Connected(_) => self.tend(),
                Phase::Disabled(dormant) => {
                    dormant.probe_at = Some(self.now + self.m.policy.dormant_probe);
                    // Only asks while somebody could see the answer; the next turn comes either way.
                    if self.m.page.online && self.m.page.attended() {
                        dormant.probing = true;
                        self.effects.push(Effect::Preflight);
                    }
                }
            }
        }
    }

    /// What an open connection has due.
    fn tend(&mut self) {
        self.settle();
        let Phase::Connected(connection) = &mut self.m.phase else {
            return;
        };
        match connection.listen(self.now, &self.m.policy) {
            Silence::Bearable => {}
            Silence::Ping => self.effects.push(Effect::Ping),
            Silence::Dead => {
                self.shut(4408, "heartbeat_timeout");
                return self.lost(Problem::of_cause(Cause::HeartbeatTimeout));
            }
        }
        if connection.renews(self.now, &self.m.policy) {
            self.ask_token_in_band();
        }
    }

    fn online(&mut self) {
        self.m.page.online = true;
        if let Phase::Waiting(wait) = &mut self.m.phase
            && wait.pause == Pause::Held(Held::Offline)
        {
            // All of a building comes back in the same instant.
            let jitter = share(self.m.policy.first_delay, self.random);
            let delay = jitter.max(wait.not_before.saturating_sub(self.now));
            let at = self.now + delay;
            wait.pause = Pause::Until { at, delay };
            return;
        }
        self.probe();
        self.revive();
    }

    fn visible(&mut self) {
        let hidden_at = self.m.page.hidden_at.take();
        self.back();
        let away = hidden_at.map_or(Duration::ZERO, |at| self.now.saturating_sub(at));
        if away >= self.m.policy.revive {
            self.revive();
        }
    }

    /// Somebody looks again, or the clocks run again.
    fn back(&mut self) {
        self.m.page.frozen = false;
        self.probe();
        if let Phase::Waiting(wait) = &self.m.phase
            && wait.pause == Pause::Held(Held::Hidden)
            && self.m.page.attended()
        {
            self.go();
        }
    }

    /// An open socket proves nothing after a sleep: ask.
    fn probe(&mut self) {
        if let Phase::Connected(connection) = &mut self.m.phase
            && connection.probe(self.now, &self.m.policy)
        {
            self.effects.push(Effect::Ping);
        }
    }

    fn attempt(&mut self, counted: bool) {
        self.m.tally.counted = counted;
        if counted {
            let place = &mut self.m.tally.place;
            place.attempt += 1;
            place.spent += 1;
            self.m.total = self.m.total.saturating_add(1);
            self.remember();
        }
        if self.m.tally.token.held {
            return self.open();
        }
        let by = self.now + self.m.policy.token_timeout;
        self.m.phase = Phase::Refreshing { by };
        self.effects.push(Effect::Token {
            refused: self.m.tally.token.refused.clone(),
            in_band: false,
        });
    }

    fn open(&mut self) {
        let by = self.now + self.m.policy.connect_timeout;
        self.m.phase = Phase::Connecting { by };
        self.effects.push(Effect::Open);
    }

    /// An attempt failed, or a connection ended: what now?
    fn lost(&mut self, bare: Problem) {
        self.ended();
        if !self.m.page.online && bare.retry != Retry::Stop {
            self.give_back();
            self.wait(Duration::ZERO, Kind::Own);
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
    fn follow(&mut self, advice: Duration) {
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
    fn refresh(&mut self, problem: Arc<Problem>) {
        let refused = &mut self.m.tally.token.refused;
        if *refused == problem.cause {
            return self.disable(problem, false);
        }
        refused.clone_from(&problem.cause);
        if !self.next_cycle() {
            return self.disable(problem, true);
        }
        let calming = self.calming();
        if calming.is_zero() {
            self.attempt(true);
        } else {
            self.wait(calming, Kind::Own);
        }
    }

    fn next_cycle(&mut self) -> bool {
        let tally = &mut self.m.tally;
        let more = tally.place.cycle < self.m.policy.cycles;
        if more {
            tally.place.cycle += 1;
            tally.place.attempt = 0;
            tally.token.held = false;
            tally.asked = false;
        }
        more
    }

    fn go(&mut self) {
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
    fn wait(&mut self, delay: Duration, kind: Kind) {
        let at = self.now + delay;
        self.m.phase = Phase::Waiting(Wait {
            pause: Pause::Until { at, delay },
            not_before: if kind == Kind::Own { Duration::ZERO } else { at },
            free: kind == Kind::Free,
            answer_by: None,
        });
    }

    fn hold(&mut self, held: Held) {
        if held == Held::Offline {
            self.m.last = Some(Arc::new(Problem::of_cause(Cause::Offline)));
        }
        if let Phase::Waiting(wait) = &mut self.m.phase {
            wait.pause = Pause::Held(held);
            wait.answer_by = None;
        }
    }

    fn revive(&mut self) {
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

    fn disable(&mut self, problem: Arc<Problem>, exhausted: bool) {
        self.m.last = Some(problem);
        let every = self.m.policy.dormant_probe;
        let probes = exhausted && !every.is_zero();
        self.m.phase = Phase::Disabled(Dormant {
            exhausted,
            probe_at: probes.then(|| self.now + every),
            probing: false,
        });
    }

    fn settle(&mut self) {
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
        }
    }

    fn forget(&mut self) {
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

    fn ask_token_in_band(&mut self) {
        self.effects.push(Effect::Token {
            refused: None,
            in_band: true,
        });
    }

    fn shut(&mut self, code: u16, reason: &'static str) {
        self.effects.push(Effect::Shut { code, reason });
    }
}
