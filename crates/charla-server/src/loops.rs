//! The loop breaker: whoever is refused the same thing over and over is told so, at the cost of the handshake alone.
//!
//! [`Loops`] decides how often is too often and for how long; here is what a loop is:
//!
//! - **A credential**: the same token or ticket that is bad in itself (`token_expired`, `token_invalid` ...), wherever it is
//!   shown.
//! - **A question**: the same credential at the same chat, tenant and origin, where the credential is good and the answer is no
//!   all the same (`not_a_member`, `chat_not_found`, `origin_forbidden`, `token_revoked` ...). Elsewhere it is as good as it was.
//! - **Conduct**: the same question that is let in, and ended by the server within [`SHORT_LIFE`] for what the client does
//!   (`protocol_error`, `frame_flood`, `session_replaced` ...).
//! - **An address**, with a limit of its own, for many share one: it holds back what comes from there without a credential, and
//!   credentials that were refused in the last minute already.
//! - **A user** is counted for the operator to see, and holds back nobody.
//!
//! So nothing is ever held back but what was refused before in the same words. A credential that is seen for the first
//! time is judged, whoever shows it and from wherever: a new token ends a loop at once, a good one on another device never
//! notices, and neighbours behind one address do not pay for each other. The price: a loop that brings another bad token
//! each time costs a signature check each time; it never comes as far as the store.
//!
//! What counts is the client's to change. Refusals by the server's own state (`overloaded`, `store_unavailable`, `restarting`)
//! have their own advice (see [`crate::returns`]) and do not count. Nor do connections that end early because the client
//! left: a page that is reloaded, a phone in a lift and a tab that crashes look the same from here, and none of them should be
//! locked out; both clients of ours bound such loops themselves. What has no due form is refused before any of this.
//!
//! Keys are hashes of what was shown, without a salt: nodes have to agree on them, and a token has too much chance in it
//! to be guessed from its hash. Nothing else of a credential is kept.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use charla_core::Millis;
use charla_core::loops::{Held, Loops, Seen, Told};
use charla_wire::Cause;
use parking_lot::Mutex;

use crate::handshake::{Admitted, Asked, Refused};
use crate::happening::Happening;
use crate::node::{Node, millis};
use crate::settings::LimitSettings;

mod key;
mod news;

pub use key::{Fingerprint, Key, Keys, Who};
pub use news::News;
#[cfg(test)]
pub(crate) use news::news_of_everything;

/// A connection that the server ends sooner than this was none.
pub const SHORT_LIFE: Millis = 5_000;
/// How often nodes tell each other.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// A loop is told of from this part of the limit on, so that one that is spread over as many nodes is seen by all.
const NODES: u32 = 8;

/// Who repeats himself, on this node and, as far as they told, on the others.
pub struct LoopBreaker {
    loops: Mutex<Loops<Key, Who>>,
    /// Refusals a minute; 0: nobody is ever held back.
    limit: AtomicU32,
    /// The same of one address.
    address_limit: AtomicU32,
}

impl LoopBreaker {
    /// By the settings.
    pub(crate) fn new(limits: &LimitSettings) -> Self {
        Self {
            loops: Mutex::new(Loops::new(millis(limits.loop_wait_max))),
            limit: AtomicU32::new(limits.refusals_per_minute),
            address_limit: AtomicU32::new(limits.refusals_per_minute_per_address),
        }
    }

    /// By other settings from now on; who waits already waits as was said.
    pub(crate) fn heed(&self, limits: &LimitSettings) {
        self.loops.lock().wait_at_most(millis(limits.loop_wait_max));
        self.limit.store(limits.refusals_per_minute, Ordering::Relaxed);
        self.address_limit
            .store(limits.refusals_per_minute_per_address, Ordering::Relaxed);
    }

    fn limit(&self, key: &Key) -> u32 {
        match key {
            Key::Credential(_) | Key::Question(_) | Key::Conduct(_) => self.limit.load(Ordering::Relaxed),
            Key::Address(_) => self.address_limit.load(Ordering::Relaxed),
            // Only counted.
            Key::User(_) => u32::MAX,
        }
    }

    /// What to count a handshake under; `None` when nothing is counted.
    pub(crate) fn keys(&self, asked: &Asked, origin: Option<&[u8]>, address: IpAddr) -> Option<Keys> {
        let is_zero = |limit: &AtomicU32| limit.load(Ordering::Relaxed) == 0;
        let is_off = is_zero(&self.limit) && is_zero(&self.address_limit);
        (!is_off).then(|| Keys::of(asked, origin, address))
    }

    /// Whether somebody may be judged.
    ///
    /// # Errors
    /// [`Held`]: it was refused the same too often, and its wait is not over.
    pub(crate) fn knock(&self, keys: &Keys, now: Millis) -> Result<(), Held> {
        let mut loops = self.loops.lock();
        if loops.is_empty() {
            return Ok(());
        }
        let mut repeats = true;
        if let Some(shown) = &keys.shown {
            let own = [shown.credential(), shown.question(), shown.conduct()];
            for key in &own {
                loops.knock(key, now)?;
            }
            repeats = own.iter().any(|key| loops.knows(key, now));
        }
        if repeats {
            loops.knock(&Key::Address(keys.address), now)?;
        }
        Ok(())
    }

    /// Counts a refusal. Comes back with what begins to wait now.
    pub(crate) fn refused(&self, keys: &Keys, refused: &Refused, who: &Who, now: Millis) -> Vec<(Key, Held)> {
        let Some(blame) = Blame::of(refused.cause) else {
            return Vec::new();
        };
        let own = keys.shown.as_ref().map(|shown| match blame {
            Blame::Credential => shown.credential(),
            Blame::Question => shown.question(),
        });
        let all = [own, who.key(), Some(Key::Address(keys.address))];
        self.count(all.into_iter().flatten(), refused.cause, who, now)
    }

    /// Somebody was let in: what was is forgotten.
    pub(crate) fn accepted(&self, keys: &Keys, now: Millis) {
        let Some(shown) = &keys.shown else { return };
        let mut loops = self.loops.lock();
        if !loops.is_empty() {
            loops.accepted(&shown.credential(), now);
            loops.accepted(&shown.question(), now);
        }
    }

    /// A connection ended that lasted so long.
    pub(crate) fn ended(
        &self,
        conduct: Fingerprint,
        cause: Cause,
        lasted: Millis,
        who: &Who,
        now: Millis,
    ) -> Vec<(Key, Held)> {
        if lasted >= SHORT_LIFE || !is_conduct(cause) {
            return Vec::new();
        }
        self.count([Key::Conduct(conduct)].into_iter(), cause, who, now)
    }

    fn count(
        &self,
        keys: impl Iterator<Item = Key>,
        cause: Cause,
        who: &Who,
        now: Millis,
    ) -> Vec<(Key, Held)> {
        let mut loops = self.loops.lock();
        let mut begun = Vec::new();
        for key in keys {
            let limit = self.limit(&key);
            if limit > 0
                && let Some(held) = loops.refused(&key, limit, cause, now, || who.clone())
            {
                begun.push((key, held));
            }
        }
        begun
    }

    /// The worst, at most `most`.
    pub(crate) fn worst(&self, most: usize, now: Millis) -> Vec<Seen<Key, Who>> {
        self.loops.lock().worst(most, now)
    }

    /// What another node told. Comes back with what begins to wait now.
    pub(crate) fn heard(&self, news: Vec<(Key, Told<Who>)>, now: Millis) -> Vec<(Key, Held, Who)> {
        let mut loops = self.loops.lock();
        let mut begun = Vec::new();
        for (key, told) in news {
            let limit = self.limit(&key);
            if limit == 0 {
                continue;
            }
            let who = match &told {
                Told::Again { note, .. } => note.clone().unwrap_or_default(),
                Told::Over => Who::default(),
            };
            if let Some(held) = loops.heard(&key, told, limit, now) {
                begun.push((key, held, who));
            }
        }
        begun
    }

    /// Forgets the quiet ones; how many wait, and what others should know.
    fn turn(&self, now: Millis) -> (usize, Vec<(Key, Told<Who>)>) {
        let mut loops = self.loops.lock();
        if loops.is_empty() {
            return (0, Vec::new());
        }
        loops.forget(now);
        (
            loops.waiting(now),
            loops.tell((self.limit.load(Ordering::Relaxed) / NODES).max(2), now),
        )
    }
}

impl std::fmt::Debug for LoopBreaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoopBreaker").finish_non_exhaustive()
    }
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// What was shown, wherever.
    Credential,
    /// What was asked with it.
    Question,
}

impl Blame {
    /// `None` for what the client cannot change.
    const fn of(cause: Cause) -> Option<Self> {
        if matches!(
            cause,
            Cause::TokenMalformed
                | Cause::TokenInvalid
                | Cause::TokenExpired
                | Cause::TokenNotYetValid
                | Cause::TicketInvalid
        ) {
            return Some(Self::Credential);
        }
        // Of what the address names the token may have a say: it is the question that repeats.
        let is_question = matches!(
            cause,
            Cause::TokenMissing
                | Cause::TokenRevoked
                | Cause::TokenUserMismatch
                | Cause::UserUnknown
                | Cause::UserInactive
                | Cause::UserBlocked
                | Cause::OriginForbidden
                | Cause::TenantMissing
                | Cause::TenantForbidden
                | Cause::TenantNotFound
                | Cause::ChatNotFound
                | Cause::NotAMember
                | Cause::Forbidden
        );
        if is_question { Some(Self::Question) } else { None }
    }
}

/// Whether a connection that ends for this was ended for what its client does.
const fn is_conduct(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::ProtocolError
            | Cause::UnsupportedData
            | Cause::InvalidUtf8
            | Cause::MessageTooBig
            | Cause::FrameFlood
            | Cause::SessionReplaced
            | Cause::UserBlocked
            | Cause::TokenRevoked
            | Cause::NotAMember
    )
}

/// The answer to whoever is held back: when to come back in front, so that nothing cuts it off.
pub(crate) fn detail(held: &Held) -> String {
    format!(
        "retry in {} ms; {} {} times in the last minute",
        held.retry_in, held.cause, held.count
    )
}

impl Node {
    /// Counts what a handshake came to, and says so when a loop begins.
    pub(crate) async fn note_verdict(&self, keys: &Keys, asked: &Asked, verdict: &Result<Admitted, Refused>) {
        let now = self.uptime.now();
        let Err(refused) = verdict else {
            return self.loops.accepted(keys, now);
        };
        let mut who = Who::of(refused, asked, keys.address);
        for (key, held) in self.loops.refused(keys, refused, &who, now) {
            if who.user.is_none()
                && let Some(token) = asked.token()
                && let Some((tenant, user)) = self.auth.bearer(token).await
            {
                // Worth a look once a wait: whose token this is that runs in circles.
                who = Who {
                    tenant: tenant.or(who.tenant),
                    user: Some(user),
                    ..who
                };
                self.loops.loops.lock().name(&key, who.clone());
            }
            tell_begin(&key, held, &who);
        }
    }
}

/// One line a wait.
pub(crate) fn tell_begin(key: &Key, held: Held, who: &Who) {
    tracing::warn!(
        cause = %Cause::LoopDetected, code = Cause::LoopDetected.close_code(), repeats = %held.cause, count = held.count,
        wait_ms = held.retry_in, key = %key,
        tenant = who.tenant.as_ref().map(tracing::field::display),
        user = who.user.as_ref().map(tracing::field::display),
        chat = who.chat.as_ref().map(tracing::field::display),
        address = who.address.as_ref().map(tracing::field::display),
        "a client repeats itself"
    );
}

/// Tells other nodes who repeats himself, as long as the node lives.
pub(crate) async fn tell_loops(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (waiting, news) = node.loops.turn(node.uptime.now());
        node.metrics
            .loops_active
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
        if !news.is_empty() && node.broker().is_some_and(crate::broker::Broker::has_peers) {
            node.publish(Happening::Loops { news, own: true });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_the_servers_own_state_counts() {
        for cause in [
            Cause::Overloaded,
            Cause::StoreUnavailable,
            Cause::AuthorityUnavailable,
            Cause::Restarting,
            Cause::InternalError,
            Cause::TooManyConnections,
            Cause::LoopDetected,
        ] {
            assert_eq!(Blame::of(cause), None, "{cause}");
            assert!(!is_conduct(cause), "{cause}");
        }
    }

    #[test]
    fn the_answer_fits_into_a_close_frame() {
        let held = Held {
            cause: Cause::TokenNotYetValid,
            count: u32::MAX,
            retry_in: 86_400_000,
        };
        let detail = detail(&held);
        assert!(
            Cause::LoopDetected.id().len() + ": ".len() + detail.len() <= 123,
            "{detail}"
        );
        assert_eq!(charla_wire::cause::retry_in_ms(&detail), Some(86_400_000));
    }
}
