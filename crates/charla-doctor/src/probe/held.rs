//! An open WebSocket that is watched rather than used: what comes over it, and how it ends.
//!
//! Pings are answered, as every client does, whenever somebody looks.

use std::io;
use std::time::Duration;

use charla_wire::codec::{Header, Opcode, deflate, masked};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::evidence::After;
use crate::probe::answer::{Upgrade, kept};
use crate::probe::ask::random;
use crate::probe::place::Wire;
use crate::redact::redact;

/// Payloads up to this are looked into; of longer ones only the end is found.
const LOOKED_INTO: u64 = 64 * 1024;
/// A text inflates to so much at most.
const INFLATED_MAX: usize = 256 * 1024;
/// Server pings that are noted.
const PINGS_MAX: usize = 1_000;

/// A connection that is held open. Dropping it hangs up without a close frame.
pub struct Held {
    wire: Wire,
    buffer: Vec<u8>,
    /// Bytes of a long payload that are still to be passed over.
    skip: u64,
    opened: Instant,
    first: Option<String>,
    pings: Vec<u64>,
    end: Option<After>,
}

/// Something that came.
enum Heard {
    Pong(Vec<u8>),
    Something,
    /// Nothing until the time was up.
    Nothing,
    End(After),
}

impl Held {
    pub(crate) fn new(upgrade: Upgrade) -> Self {
        Self {
            wire: upgrade.wire,
            buffer: upgrade.rest,
            skip: 0,
            opened: Instant::now(),
            first: None,
            pings: Vec::new(),
            end: None,
        }
    }

    /// When the server's pings came, in milliseconds since the opening.
    #[must_use]
    pub fn pings(&self) -> &[u64] {
        &self.pings
    }

    /// How it ended, if it has.
    #[must_use]
    pub const fn end(&self) -> Option<&After> {
        self.end.as_ref()
    }

    /// Watches in silence, to the end or for so long.
    pub async fn watch(&mut self, long: Duration) -> After {
        let until = Instant::now() + long;
        loop {
            match self.next(until).await {
                Heard::End(after) => return after,
                Heard::Nothing => {
                    return After::Open {
                        ms: self.age(),
                        first: self.first.clone(),
                    };
                }
                Heard::Pong(_) | Heard::Something => {}
            }
        }
    }

    /// Pings the server: how long its answer takes, if it comes in time.
    pub async fn ping(&mut self, within: Duration) -> Option<Duration> {
        let payload: [u8; 8] = random();
        let sent = Instant::now();
        self.send(Opcode::Ping, &payload).await.ok()?;
        loop {
            match self.next(sent + within).await {
                Heard::Pong(echo) if echo == payload => return Some(sent.elapsed()),
                Heard::End(_) | Heard::Nothing => return None,
                Heard::Pong(_) | Heard::Something => {}
            }
        }
    }

    /// Sends a text, and watches for so long what becomes of the connection: none when it stays open.
    pub async fn say(&mut self, text: &str, long: Duration) -> Option<After> {
        if self.send(Opcode::Text, text.as_bytes()).await.is_err() {
            // The reason, if there is one, has come before the cut.
            return Some(self.watch(long).await);
        }
        let after = self.watch(long).await;
        (!matches!(after, After::Open { .. })).then_some(after)
    }

    /// Says good-bye as a page does, and waits for the answer: its code, 1005 for a frame without one; none when the
    /// other end cut or said nothing in time.
    pub async fn close(mut self, within: Duration) -> Option<u16> {
        let until = Instant::now() + within;
        if self.end.is_none() {
            // A connection that is gone already shows that below.
            let _ = self.send(Opcode::Close, &1000_u16.to_be_bytes()).await;
        }
        loop {
            match self.next(until).await {
                Heard::End(After::Closed { code, .. }) => return Some(code),
                Heard::End(After::Cut { .. } | After::Open { .. }) | Heard::Nothing => return None,
                Heard::Pong(_) | Heard::Something => {}
            }
        }
    }

    fn age(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.wire.write_all(&masked(opcode, random(), payload)).await?;
        self.wire.flush().await
    }

    /// The next thing that comes, or how it all ended.
    async fn next(&mut self, until: Instant) -> Heard {
        loop {
            if let Some(end) = &self.end {
                return Heard::End(end.clone());
            }
            match self.taken().await {
                Some(Heard::End(after)) => self.end = Some(after),
                Some(heard) => return heard,
                None => match timeout_at(until, self.wire.read_buf(&mut self.buffer)).await {
                    Err(_) => return Heard::Nothing,
                    Ok(Ok(1..)) => {}
                    Ok(Ok(0)) => {
                        self.end = Some(After::Cut {
                            reset: false,
                            ms: self.age(),
                        })
                    }
                    Ok(Err(error)) => {
                        let reset = error.kind() == io::ErrorKind::ConnectionReset;
                        self.end = Some(After::Cut {
                            reset,
                            ms: self.age(),
                        });
                    }
                },
            }
        }
    }

    /// One whole frame out of the buffer.
    async fn taken(&mut self) -> Option<Heard> {
        let passed = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(self.buffer.len());
        self.buffer.drain(..passed);
        self.skip -= passed as u64;
        if self.skip > 0 {
            return None;
        }
        let header = match Header::parse(&self.buffer) {
            Ok(header) => header?,
            // What is no frame ends the connection for a browser too, with 1002 of its own: 1006 to the page.
            Err(_) => {
                return Some(Heard::End(After::Cut {
                    reset: false,
                    ms: self.age(),
                }));
            }
        };
        if header.length > LOOKED_INTO {
            self.buffer.drain(..header.size);
            self.skip = header.length;
            return Some(Heard::Something);
        }
        let end = header.size.checked_add(usize::try_from(header.length).ok()?)?;
        let payload = self.buffer.get(header.size..end)?.to_vec();
        self.buffer.drain(..end);
        Some(self.heard(&header, payload).await)
    }

    async fn heard(&mut self, header: &Header, payload: Vec<u8>) -> Heard {
        match header.opcode {
            Opcode::Ping => {
                if self.pings.len() < PINGS_MAX {
                    self.pings.push(self.age());
                }
                // If it cannot be sent the end is about to be read.
                let _ = self.send(Opcode::Pong, &payload).await;
                Heard::Something
            }
            Opcode::Pong => Heard::Pong(payload),
            Opcode::Close => {
                let echo = payload.get(..2).unwrap_or_default();
                // The other end has said its last word and may be gone.
                let _ = self.send(Opcode::Close, echo).await;
                let (code, reason) = match payload.as_slice() {
                    [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
                    [] | [_] => (1005, [].as_slice()),
                };
                let reason = kept(&redact(&String::from_utf8_lossy(reason)));
                Heard::End(After::Closed {
                    code,
                    reason,
                    ms: self.age(),
                })
            }
            Opcode::Text if self.first.is_none() => {
                let text = if header.compressed {
                    deflate::inflate(&payload, INFLATED_MAX).unwrap_or_default()
                } else {
                    payload
                };
                self.first = Some(kept(&redact(&String::from_utf8_lossy(&text))));
                Heard::Something
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation => Heard::Something,
        }
    }
}
