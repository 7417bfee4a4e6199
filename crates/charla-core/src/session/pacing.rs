//! How fast one connection may ask: a share each of sends, bytes and other requests, and one of refusals for haste.

use charla_wire::{Cause, ClientFrame};

use super::{Refusal, SessionLimits};
use crate::Millis;
use crate::limit::Limit;
use crate::pace::Spent;
use crate::quota::{Quota, Rate};

/// Refusals for haste that a connection may collect before it is cut.
const HASTE: Rate = Rate {
    per_second: 10,
    burst: 1_000,
};

#[derive(Debug)]
pub(super) struct Pacing {
    sends: Quota,
    bytes: Spent,
    requests: Quota,
    pings: Quota,
    haste: Quota,
}

type Taken = Result<(), (Limit, Millis)>;

impl Pacing {
    /// Rested.
    pub(super) fn new(limits: &SessionLimits, now: Millis) -> Self {
        Self {
            sends: Quota::new(limits.sends, now),
            bytes: Spent::default(),
            requests: Quota::new(limits.requests, now),
            pings: Quota::new(limits.pings, now),
            haste: Quota::new(HASTE, now),
        }
    }

    /// Whether a ping frame comes in time.
    ///
    /// # Errors
    /// `frame_flood`.
    pub(super) fn ping(&mut self, limits: &SessionLimits, now: Millis) -> Result<(), Cause> {
        self.pings.take(limits.pings, now).map_err(|_| Cause::FrameFlood)
    }

    /// Whether a frame comes in time.
    ///
    /// # Errors
    /// `rate_limited`, under the frame's chat and id.
    pub(super) fn judge(
        &mut self,
        frame: &ClientFrame<'_>,
        limits: &SessionLimits,
        now: Millis,
    ) -> Result<(), Refusal> {
        let (mut meant, mut sent) = (None, None);
        let taken = match frame {
            ClientFrame::Send {
                chat, id, text, data, ..
            } => {
                (meant, sent) = (chat.clone(), Some(*id));
                let bytes = text.len() + data.map_or(0, str::len);
                let taken = self.sends.take(limits.sends, now);
                let taken = taken.map_err(|wait| (Limit::Sends, wait));
                taken.and_then(|()| self.take_bytes(bytes, limits, now))
            }
            ClientFrame::Edit { text, .. } => self
                .take_request(limits, now)
                .and_then(|()| self.take_bytes(text.len(), limits, now)),
            ClientFrame::Subscribe { .. }
            | ClientFrame::Unsubscribe { .. }
            | ClientFrame::Attach { .. }
            | ClientFrame::Download { .. }
            | ClientFrame::History { .. }
            | ClientFrame::Search { .. }
            | ClientFrame::Delete { .. }
            | ClientFrame::Read { .. }
            | ClientFrame::Typing { .. }
            | ClientFrame::Refresh { .. }
            | ClientFrame::Report(_)
            | ClientFrame::Ping => self.take_request(limits, now),
        };
        taken.map_err(|(limit, wait)| Refusal {
            chat: meant,
            id: sent,
            ..self.too_fast(limit, wait, now)
        })
    }

    /// Whether a request that nobody understands comes in time.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(super) fn request(&mut self, limits: &SessionLimits, now: Millis) -> Result<(), Refusal> {
        let taken = self.take_request(limits, now);
        taken.map_err(|(limit, wait)| self.too_fast(limit, wait, now))
    }

    /// Refuses what came too fast; whoever does not heed it is cut.
    pub(super) fn too_fast(&mut self, limit: Limit, wait: Millis, now: Millis) -> Refusal {
        Refusal {
            closes: self.haste.take(HASTE, now).is_err(),
            ..Refusal::too_fast(limit, wait)
        }
    }

    fn take_request(&mut self, limits: &SessionLimits, now: Millis) -> Taken {
        let taken = self.requests.take(limits.requests, now);
        taken.map_err(|wait| (Limit::Requests, wait))
    }

    fn take_bytes(&mut self, bytes: usize, limits: &SessionLimits, now: Millis) -> Taken {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let taken = self.bytes.take(limits.bytes, bytes, now);
        taken.map_err(|wait| (Limit::Bytes, wait))
    }
}
