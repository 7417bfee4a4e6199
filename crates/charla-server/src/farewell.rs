//! The last exchange on a socket: whoever was told good-bye answers or hangs up, and only then is the socket ended.
//!
//! Ended with bytes unread it would be reset, and our last frame with it. Ended later than answered, a browser would hear of its
//! end, and of the cause, as much later (RFC 6455, section 7.1.1: the server ends the socket first).

use std::io;
use std::time::Duration;

use charla_wire::codec::{Header, Opcode};
use tokio::time::timeout;

use crate::listen::Socket;
use crate::node::Node;

/// How long a peer may take to answer our good-bye, or to take what is written before it.
const FAREWELL: Duration = Duration::from_secs(2);

/// The exchange, for as long as there is time: a peer that does not answer is left all the same, and at once where the
/// node's own time is over, so that its end is counted before the last figures are told.
pub(crate) async fn until_late(node: &Node, farewell: impl Future<Output = ()>) {
    let mut late = node.is_late.subscribe();
    tokio::select! {
        _ = timeout(FAREWELL, farewell) => {}
        _ = late.wait_for(|is_late| *is_late) => {}
    }
}

/// Reads and forgets until the peer closes.
pub(crate) async fn drain(socket: &Socket) {
    read_until(socket, |_| false).await;
}

/// The same until it answers our close frame with its own; `unread` begins with a frame that came before.
pub(crate) async fn await_answer(socket: &Socket, unread: &[u8]) {
    let mut watch = Watch::default();
    if !watch.sees_close(unread) {
        read_until(socket, |bytes| watch.sees_close(bytes)).await;
    }
}

async fn read_until(socket: &Socket, mut is_last: impl FnMut(&[u8]) -> bool) {
    let mut sink = [0; 512];
    while socket.readable().await.is_ok() {
        match socket.try_read(&mut sink) {
            Ok(0) => return,
            Ok(count) if is_last(sink.get(..count).unwrap_or_default()) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// Looks for a close frame among others, without keeping any.
#[derive(Debug, Default)]
struct Watch {
    /// Bytes of payload still to come.
    skip: u64,
    /// The beginning of a frame: never more than a header and one read, or than a close frame.
    begun: Vec<u8>,
    /// Frames can no longer be told apart: only the end of the socket will do.
    is_lost: bool,
}

impl Watch {
    fn sees_close(&mut self, bytes: &[u8]) -> bool {
        if self.is_lost {
            return false;
        }
        self.begun.extend_from_slice(bytes);
        loop {
            let skipped = usize::try_from(self.skip)
                .unwrap_or(usize::MAX)
                .min(self.begun.len());
            self.begun.drain(..skipped);
            self.skip -= skipped as u64;
            if self.skip > 0 {
                return false;
            }
            match Header::parse(&self.begun) {
                Ok(Some(header)) if header.opcode == Opcode::Close => {
                    // To the last byte: what stays unread resets the socket.
                    let size = usize::try_from(header.length)
                        .unwrap_or(usize::MAX)
                        .saturating_add(header.size);
                    return self.begun.len() >= size;
                }
                Ok(Some(header)) => self.skip = header.length.saturating_add(header.size as u64),
                Ok(None) => return false,
                Err(_) => {
                    self.is_lost = true;
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::codec::masked;

    use super::*;

    #[test]
    fn a_close_frame_is_found_however_it_arrives() {
        let frame = |opcode, payload: &[u8]| masked(opcode, [1, 2, 3, 4], payload);
        let stream = [
            frame(Opcode::Text, &[b'x'; 300]),
            frame(Opcode::Ping, b""),
            frame(Opcode::Close, b"\x03\xe8adios"),
        ]
        .concat();
        for size in 1..stream.len() {
            let mut watch = Watch::default();
            let mut read = 0;
            for part in stream.chunks(size) {
                assert_eq!(
                    watch.sees_close(part),
                    read + part.len() == stream.len(),
                    "{size} at {read}"
                );
                read += part.len();
            }
        }
    }

    #[test]
    fn noise_is_no_close() {
        let mut watch = Watch::default();
        assert!(!watch.sees_close(&[0xff; 40]));
        assert!(
            !watch.sees_close(&masked(Opcode::Close, [0; 4], b"")),
            "frames cannot be told apart any more"
        );
    }
}
