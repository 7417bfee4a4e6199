//! One step of the machine: an event is taken in, what follows is written down as effects.

use std::sync::Arc;
use std::time::Duration;

use charla_wire::Cause;
use charla_wire::cause::Retry;

use super::Machine;
use super::connection::{Connection, Silence};
use super::decide::Kind;
use super::event::{Effect, Event};
use super::policy::share;
use super::state::{Held, Pause, Phase};
use crate::closes::{CauseName, Problem};

/// The machine under way, with the world it may see.
pub(super) struct Step<'a> {
    pub(super) m: &'a mut Machine,
    pub(super) now: Duration,
    pub(super) random: &'a mut dyn FnMut() -> f64,
    pub(super) effects: Vec<Effect>,
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
            self.m.tally.token.until = Duration::MAX;
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
        let connection = Connection::new(self.now, place, expires_in, &m.policy);
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
        match connection.listen(self.now, self.m.heartbeat, &self.m.policy) {
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
            && connection.probe(self.now, self.m.heartbeat, &self.m.policy)
        {
            self.effects.push(Effect::Ping);
        }
    }
}
