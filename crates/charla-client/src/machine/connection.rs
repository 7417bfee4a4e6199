//! What an open connection needs: proof that it lives, ten seconds to be trusted, a token that lasts.
//!
//! Ends no connection itself: what it answers is for the step to carry out.

use std::time::Duration;

use super::policy::{Policy, half};
use super::state::Place;

/// A token that runs out sooner than this is not asked for once more over the open connection.
const RENEW_UNTIL: Duration = Duration::from_secs(10);

/// The life of a connection from its welcome on. Times are the caller's clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Connection {
    /// When it was welcomed.
    pub(super) since: Duration,
    /// The attempt and cycle that succeeded.
    pub(super) place: Place,
    trust: Trust,
    heard_at: Duration,
    /// When the ping that is out must have been answered.
    answer_by: Option<Duration>,
    /// Pings since something was heard.
    pings: u8,
    /// When the token runs out.
    expires_at: Option<Duration>,
    /// When it is to be replaced, or its replacement to have arrived.
    renew_at: Option<Duration>,
    /// Its replacement was begun.
    near_end: bool,
    renewing: Option<Renewing>,
}

/// Whether the connection has stayed up long enough.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trust {
    /// It will have at this time.
    From(Duration),
    /// The clock came late, so only something heard proves it.
    WhenHeard,
    Stable,
}

/// Who is asked about a new token at the moment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Renewing {
    Token,
    Server,
}

/// What silence asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Silence {
    Bearable,
    Ping,
    Dead,
}

impl Connection {
    pub(super) fn new(now: Duration, place: Place, expires_in: Option<Duration>, policy: &Policy) -> Self {
        let mut connection = Self {
            since: now,
            place,
            trust: Trust::From(now + policy.stable),
            heard_at: now,
            answer_by: None,
            pings: 0,
            expires_at: None,
            renew_at: None,
            near_end: false,
            renewing: None,
        };
        connection.renew_later(now, expires_in, policy);
        connection
    }

    pub(super) fn deadline(&self, heartbeat: Duration) -> Option<Duration> {
        let trusted = match self.trust {
            Trust::From(at) => Some(at),
            Trust::WhenHeard | Trust::Stable => None,
        };
        [trusted, self.silent_at(heartbeat), self.renew_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn heard(&mut self, now: Duration) {
        self.heard_at = now;
        self.answer_by = None;
        self.pings = 0;
    }

    pub(super) fn stable(&self) -> bool {
        self.trust == Trust::Stable
    }

    /// Whether it has become stable just now. A clock that comes late has slept, and a socket may have died
    /// meanwhile: then something heard since is the proof.
    pub(super) fn settles(&mut self, now: Duration, policy: &Policy) -> bool {
        let up = now.saturating_sub(self.since);
        if self.stable() || up < policy.stable {
            return false;
        }
        let slept = up > policy.stable + policy.probe;
        if slept && self.heard_at.saturating_sub(self.since) < policy.stable {
            self.trust = Trust::WhenHeard;
            return false;
        }
        self.trust = Trust::Stable;
        true
    }

    /// When the silence is to be asked about, or has lasted too long.
    fn silent_at(&self, heartbeat: Duration) -> Option<Duration> {
        self.answer_by
            .or_else(|| (!heartbeat.is_zero()).then(|| self.heard_at.saturating_add(heartbeat)))
    }

    /// Silence: a ping, and after the ping the end. A clock that comes late has slept: then it is asked once more.
    pub(super) fn listen(&mut self, now: Duration, heartbeat: Duration, policy: &Policy) -> Silence {
        let Some(silent_at) = self.silent_at(heartbeat).filter(|at| *at <= now) else {
            return Silence::Bearable;
        };
        let late = now.saturating_sub(silent_at) > policy.probe;
        if self.pings > u8::from(late) {
            return Silence::Dead;
        }
        self.ping(now + if late { policy.probe } else { policy.grace });
        Silence::Ping
    }

    /// An open socket proves nothing after a sleep. Whether to ping it now.
    pub(super) fn probe(&mut self, now: Duration, heartbeat: Duration, policy: &Policy) -> bool {
        if heartbeat.is_zero() || now.saturating_sub(self.heard_at) <= policy.probe {
            return false;
        }
        let by = now + policy.probe;
        if let Some(answer_by) = self.answer_by.filter(|at| *at > now) {
            self.answer_by = Some(answer_by.min(by));
            return false;
        }
        self.ping(by);
        true
    }

    fn ping(&mut self, answer_by: Duration) {
        self.answer_by = Some(answer_by);
        self.pings = self.pings.saturating_add(1);
    }

    /// Whether a new token is to be asked for now.
    pub(super) fn renews(&mut self, now: Duration, policy: &Policy) -> bool {
        if self.renew_at.is_none_or(|at| at > now) {
            return false;
        }
        if self.renewing.is_some() {
            self.not_renewed(now);
            return false;
        }
        self.renew(now, policy);
        true
    }

    /// The server says that the token runs out. Whether to ask for a new one.
    pub(super) fn expiring(&mut self, now: Duration, expires_in: Option<Duration>, policy: &Policy) -> bool {
        if let Some(expires_in) = expires_in.filter(|time| !time.is_zero()) {
            self.expires_at = Some(now.saturating_add(expires_in));
        }
        if self.renewing.is_some() {
            return false;
        }
        self.renew(now, policy);
        true
    }

    fn renew(&mut self, now: Duration, policy: &Policy) {
        self.near_end = true;
        self.renewing = Some(Renewing::Token);
        self.renew_at = Some(now + policy.token_timeout);
    }

    /// The token is there. Whether to send it.
    pub(super) fn token(&mut self, now: Duration, policy: &Policy) -> bool {
        let asked = self.renewing == Some(Renewing::Token);
        if asked {
            self.renewing = Some(Renewing::Server);
            self.renew_at = Some(now + policy.token_timeout);
        }
        asked
    }

    /// Until when it may open another connection: until it would have been replaced over this one. Zero: it is too
    /// near its end, or nobody knows when that is.
    pub(super) fn token_good_until(&self) -> Duration {
        self.renew_at.filter(|_| !self.near_end).unwrap_or_default()
    }

    pub(super) fn token_failed(&mut self, now: Duration) {
        if self.renewing == Some(Renewing::Token) {
            self.not_renewed(now);
        }
    }

    pub(super) fn renewed(&mut self, now: Duration, expires_in: Option<Duration>, policy: &Policy) {
        if self.renewing.is_some() {
            self.renew_later(now, expires_in, policy);
        }
    }

    pub(super) fn renew_failed(&mut self, now: Duration) {
        if self.renewing.is_some() {
            self.not_renewed(now);
        }
    }

    fn renew_later(&mut self, now: Duration, expires_in: Option<Duration>, policy: &Policy) {
        let known = expires_in.filter(|time| !time.is_zero());
        self.renewing = None;
        self.expires_at = known.map(|time| now.saturating_add(time));
        self.renew_at =
            known.map(|time| now.saturating_add(time.saturating_sub(policy.renew_before).max(half(time))));
        self.near_end = false;
    }

    /// Once more at half of what is left, as long as that is worth it.
    fn not_renewed(&mut self, now: Duration) {
        self.renewing = None;
        let left = self
            .expires_at
            .map_or(Duration::ZERO, |at| at.saturating_sub(now));
        self.renew_at = (left > RENEW_UNTIL).then(|| now + half(left));
    }
}
