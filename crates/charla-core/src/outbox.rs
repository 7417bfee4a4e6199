//! What waits for one socket: bounded in bytes and in age.
//!
//! A frame is usually written straight to the socket and never comes here; what does come is what the
//! socket had no room for.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::Millis;

/// How much may wait for one socket, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Bytes that may wait.
    pub bytes: usize,
    /// Milliseconds that the oldest of them may wait.
    pub age: Millis,
}

/// The bound is reached: the connection is a `slow_consumer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A queue of encoded frames, the first perhaps half written.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: VecDeque<Bytes>,
    bytes: usize,
    // Whether the first frame has begun to go out: it may not be dropped any more.
    begun: bool,
    // Since when bytes have been waiting without the socket taking any.
    stuck_since: Millis,
}

impl Outbox {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Queues a frame of which the first `written` bytes have gone out already.
    ///
    /// # Errors
    /// [`Full`] when the bytes, or the age of the oldest, pass the limits; nothing is queued then.
    pub fn push(
        &mut self,
        frame: &Bytes,
        written: usize,
        limits: OutboxLimits,
        now: Millis,
    ) -> Result<(), Full> {
        let rest = frame.slice(written.min(frame.len())..);
        if self.is_empty() {
            self.stuck_since = now;
            self.begun = written > 0;
        } else if self.bytes + rest.len() > limits.bytes || self.is_stuck(limits, now) {
            return Err(Full);
        }
        self.bytes += rest.len();
        self.frames.push_back(rest);
        Ok(())
    }

    /// Whether the socket has taken nothing for longer than it may.
    #[must_use]
    pub fn is_stuck(&self, limits: OutboxLimits, now: Millis) -> bool {
        !self.is_empty() && now.saturating_sub(self.stuck_since) > limits.age
    }

    /// What to write next, as many pieces as `slices` holds; says how many were filled.
    pub fn slices<'o>(&'o self, slices: &mut [IoSlice<'o>]) -> usize {
        let pieces = slices.iter_mut().zip(&self.frames);
        pieces.map(|(slice, frame)| *slice = IoSlice::new(frame)).count()
    }

    /// Forgets the first `written` bytes: the socket has them.
    pub fn advance(&mut self, mut written: usize, now: Millis) {
        if written > 0 {
            self.stuck_since = now;
        }
        self.bytes -= written;
        while let Some(front) = self.frames.front_mut() {
            if written < front.len() {
                front.advance(written);
                self.begun |= written > 0;
                return;
            }
            written -= front.len();
            self.frames.pop_front();
            self.begun = false;
        }
        // An idle connection owns no buffer.
        self.frames = VecDeque::new();
    }

    /// Drops what has not begun to go out and puts `last` behind what has: the way to say good-bye to a peer that is too slow.
    pub fn finish_with(&mut self, last: Bytes) {
        self.frames.truncate(usize::from(self.begun));
        self.frames.push_back(last);
        self.bytes = self.frames.iter().map(Bytes::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: OutboxLimits = OutboxLimits {
        bytes: 10,
        age: 1_000,
    };

    fn text(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(b""); 8];
        let filled = outbox.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn bytes_come_out_in_order_and_once() {
        let mut outbox = Outbox::default();
        outbox.push(&Bytes::from_static(b"hola "), 2, LIMITS, 0).unwrap();
        outbox.push(&Bytes::from_static(b"Ana"), 0, LIMITS, 0).unwrap();
        assert_eq!((text(&outbox).as_slice(), outbox.bytes()), (&b"la Ana"[..], 6));
        outbox.advance(4, 1);
        assert_eq!(text(&outbox), b"na");
        outbox.advance(2, 2);
        assert!(outbox.is_empty() && outbox.bytes() == 0);
    }

    #[test]
    fn the_bounds_have_a_name() {
        let mut outbox = Outbox::default();
        let ten = Bytes::from_static(b"0123456789");
        // One frame larger than the bound may wait alone: it could not be sent otherwise.
        assert_eq!(
            outbox.push(&Bytes::from_static(b"larger than ten"), 0, LIMITS, 0),
            Ok(())
        );
        assert_eq!(outbox.push(&ten, 0, LIMITS, 0), Err(Full));
        let mut outbox = Outbox::default();
        outbox.push(&Bytes::from_static(b"1"), 0, LIMITS, 0).unwrap();
        assert_eq!(
            outbox.push(&Bytes::from_static(b"2"), 0, LIMITS, 1_001),
            Err(Full)
        );
        outbox.advance(0, 1_001);
        assert!(outbox.is_stuck(LIMITS, 1_001), "taking nothing is not progress");
    }

    #[test]
    fn a_half_written_frame_is_finished_before_the_last_word() {
        let mut outbox = Outbox::default();
        outbox.push(&Bytes::from_static(b"hola"), 1, LIMITS, 0).unwrap();
        outbox.push(&Bytes::from_static(b"gone"), 0, LIMITS, 0).unwrap();
        outbox.finish_with(Bytes::from_static(b"!"));
        assert_eq!(text(&outbox), b"ola!");
    }
}
