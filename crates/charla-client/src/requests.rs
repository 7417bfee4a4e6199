//! Requests that wait for the answer with their number, on one connection.

use std::collections::BTreeMap;
use std::time::Duration;

use charla_wire::ChatId;
use tokio::sync::oneshot;

use crate::frame::{Frame, Refusal};

/// A request without an answer by then has lost its connection, whatever the socket says.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Requests under way at once; one more is refused with `requests_full`.
pub(crate) const REQUESTS: usize = 128;

/// Whoever waits for an answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What an answer is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Somebody asked.
    Caller(Reply<Frame>),
    /// To enter a chat.
    Subscribe(ChatId),
    /// To mend a gap.
    Fill(ChatId),
    /// To go on with a new token.
    Renew,
    /// Nobody waits.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    last: u64,
    open: BTreeMap<u64, (Purpose, Duration)>,
}

impl Requests {
    pub(crate) fn full(&self) -> bool {
        self.open.len() >= REQUESTS
    }

    /// The number under which the answer comes.
    pub(crate) fn put(&mut self, purpose: Purpose, now: Duration) -> u64 {
        self.last += 1;
        self.open.insert(self.last, (purpose, now + ANSWER_WITHIN));
        self.last
    }

    pub(crate) fn take(&mut self, frame: &Frame) -> Option<Purpose> {
        let (purpose, _) = self.open.remove(&frame.number_of("ref")?)?;
        Some(purpose)
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        // Numbers and times grow together.
        self.open.values().next().map(|(_, due)| *due)
    }

    pub(crate) fn late(&mut self, now: Duration) -> Vec<Purpose> {
        let late = self.open.extract_if(.., |_, (_, due)| *due <= now);
        late.map(|(_, (purpose, _))| purpose).collect()
    }

    /// The connection is gone, and with it every answer.
    pub(crate) fn drain(&mut self) -> Vec<Purpose> {
        std::mem::take(&mut self.open)
            .into_values()
            .map(|(purpose, _)| purpose)
            .collect()
    }
}
