//! Whoever watches live: one long answer each, a line whenever something is new; who does not read is let go.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use charla_core::Millis;
use hyper::body::{Body, Frame};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Watchers of a node at once.
pub(crate) const WATCHERS_MAX: usize = 32;
/// Lines that may wait for one: a second each, beside what its socket holds.
const LINES_WAITING: usize = 8;
/// How long one answer lasts, in milliseconds: whoever comes again shows its key again.
const LASTS: Millis = 10 * 60 * 1000;

/// As many watch as may.
#[derive(Debug)]
pub(crate) struct TooManyWatchers;

struct Watcher {
    until: Millis,
    lines: mpsc::Sender<Bytes>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Watchers {
    all: Mutex<Vec<Watcher>>,
}

impl Watchers {
    /// One more, that reads `first` first.
    ///
    /// # Errors
    /// [`TooManyWatchers`].
    pub(crate) fn add(&self, first: Bytes, now: Millis) -> Result<Lines, TooManyWatchers> {
        let mut all = self.all.lock();
        all.retain(|watcher| !watcher.lines.is_closed());
        if all.len() >= WATCHERS_MAX {
            return Err(TooManyWatchers);
        }
        let (lines, waiting) = mpsc::channel(LINES_WAITING);
        // There is room: it is new.
        let _ = lines.try_send(first);
        let until = now + LASTS;
        all.push(Watcher { until, lines });
        Ok(Lines(waiting))
    }

    /// Tells all; who has not read what was told before, or has watched for long enough, is let go.
    pub(super) fn tell(&self, line: &Bytes, now: Millis) {
        self.all
            .lock()
            .retain(|watcher| now < watcher.until && watcher.lines.try_send(line.clone()).is_ok());
    }

    /// Whether nobody watches.
    pub(super) fn is_empty(&self) -> bool {
        self.all.lock().is_empty()
    }

    /// Lets all go.
    pub(crate) fn end(&self) {
        self.all.lock().clear();
    }
}

/// The body of one watcher's answer.
pub(crate) struct Lines(mpsc::Receiver<Bytes>);

impl Body for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(context)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Bytes = Bytes::from_static(b"line\n");

    #[test]
    fn who_does_not_read_is_let_go_and_nobody_stays_for_ever() {
        let watchers = Watchers::default();
        let mut reads = watchers.add(Bytes::from_static(b"first\n"), 0).unwrap();
        let mut sleeps = watchers.add(Bytes::from_static(b"first\n"), 0).unwrap();
        assert_eq!(reads.0.try_recv().unwrap(), "first\n");
        for _ in 0..LINES_WAITING {
            watchers.tell(&LINE, 1);
            assert_eq!(reads.0.try_recv().unwrap(), "line\n");
        }
        assert_eq!(watchers.all.lock().len(), 1, "the other was too slow");
        for _ in 0..LINES_WAITING {
            assert!(sleeps.0.try_recv().is_ok(), "what was told is still there");
        }
        assert!(sleeps.0.try_recv().is_err());
        watchers.tell(&LINE, LASTS);
        assert!(watchers.is_empty());
    }

    #[test]
    fn watchers_have_a_bound() {
        let watchers = Watchers::default();
        let mut all: Vec<Lines> = (0..WATCHERS_MAX)
            .map(|_| watchers.add(Bytes::new(), 0).unwrap())
            .collect();
        assert!(watchers.add(Bytes::new(), 0).is_err());
        all.pop();
        assert!(watchers.add(Bytes::new(), 0).is_ok(), "who went makes room");
    }
}
