//! A case is data: what is sent, and what must come back. [`Case::attempt`] carries it out over a socket of its own.

use crate::peer::{Peer, Place};
use crate::request::Request;
use crate::wire::{self, PING};

/// How a case's connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// TCP and no more.
    Bare,
    /// A WebSocket in the plain dialect: a line of text comes back as a message.
    Plain,
    /// One in `charla.v1`.
    V1,
    /// The plain dialect with permessage-deflate.
    Deflate,
}

/// One thing that is done or must happen, in order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// These bytes in one write.
    Send(Vec<u8>),
    /// These bytes, so many a write.
    Trickle(Vec<u8>, usize),
    /// An HTTP answer with this status comes.
    Status(u16),
    /// The answer has this header with this value.
    Header(&'static str, String),
    /// The answer has no such header.
    NoHeader(&'static str),
    /// The answer's body is JSON whose `cause` is this.
    Cause(&'static str),
    /// The next message has this text.
    Message(String),
    /// The next message has this text, and is compressed.
    Squeezed(String),
    /// The next thing said is an error with this cause.
    Refused(&'static str),
    /// The next frame is a pong with this payload.
    Pong(Vec<u8>),
    /// The next frame closes with this code (`None`: without one); then nothing comes, and the socket ends.
    Close(Option<u16>),
    /// The client closed: the next frame answers with this code, and the server ends the socket.
    Answered(Option<u16>),
    /// These happen, in whatever order.
    InAnyOrder(Vec<Self>),
    /// The answer's body, whatever it says.
    Body,
    /// The client ends the socket without a word.
    Leaves,
    /// As [`Step::Close`], after any number of other frames.
    CloseAtLast(u16),
    /// It closes with this code, hears the answer, and ends the socket before the client does.
    EndsFirst(u16),
    /// The connection lives: a ping that nobody sent before is answered, and nothing else is said.
    Lives,
    /// The socket ends without a further byte.
    End,
    /// From here on the server's memory is watched.
    ForgetPeak,
    /// It took at most so many bytes more since.
    PeakBelow(u64),
}

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The rule: `6455 5.2`.
    pub(crate) section: &'static str,
    /// What is tried.
    pub(crate) name: String,
    /// How the connection begins.
    pub(crate) opening: Opening,
    /// What happens on it.
    pub(crate) steps: Vec<Step>,
}

impl Case {
    /// A row whose connection is a WebSocket in the plain dialect.
    pub(crate) fn plain(section: &'static str, name: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            section,
            name: name.into(),
            opening: Opening::Plain,
            steps,
        }
    }

    /// The same row with another opening.
    pub(crate) fn over(self, opening: Opening) -> Self {
        Self { opening, ..self }
    }

    /// Carries it out; `number` makes its pings its own.
    ///
    /// # Errors
    /// What was expected and what came instead.
    pub(crate) fn attempt(&self, place: &Place, number: usize) -> Result<(), String> {
        let mut stage = Stage {
            peer: Peer::open(place, self.opening)?,
            place,
            opening: self.opening,
            peak: 0,
        };
        for (at, step) in self.steps.iter().enumerate() {
            let nonce = format!("alive {number}.{at}");
            let done = stage.carry_out(step, &nonce);
            done.map_err(|wrong| format!("step {}: {wrong}", at + 1))?;
        }
        Ok(())
    }
}

/// A case under way.
struct Stage<'p> {
    peer: Peer,
    place: &'p Place,
    opening: Opening,
    /// The server's memory when it began to be watched, in bytes.
    peak: u64,
}

impl Stage<'_> {
    fn carry_out(&mut self, step: &Step, nonce: &str) -> Result<(), String> {
        let peer = &mut self.peer;
        match step {
            Step::Send(bytes) => peer.send(bytes, bytes.len()),
            Step::Trickle(bytes, size) => peer.send(bytes, *size),
            Step::Status(status) => peer.expect_status(*status),
            Step::Header(name, value) => expect_header(peer, name, Some(value)),
            Step::NoHeader(name) => expect_header(peer, name, None),
            Step::Body => peer.body().map(drop),
            Step::Cause(cause) => peer.expect_body_cause(cause),
            Step::Message(text) => peer.expect_message(text, None),
            Step::Squeezed(text) => peer.expect_message(text, Some(true)),
            Step::Refused(cause) => peer.expect_error(cause),
            Step::Pong(payload) => peer.expect_pong(payload),
            Step::InAnyOrder(steps) => self.in_any_order(steps, nonce),
            Step::Close(code) => closes(peer, *code, false),
            Step::CloseAtLast(code) => closes(peer, Some(*code), true),
            Step::Answered(code) => peer.expect_close(*code, false).and_then(|_| peer.expect_end()),
            Step::EndsFirst(code) => ends_first(peer, self.place, self.opening, *code),
            Step::Lives => lives(peer, nonce),
            Step::Leaves => peer.part(),
            Step::End => peer.expect_end(),
            Step::ForgetPeak => {
                self.place.forget_peak()?;
                self.peak = self.place.peak()?;
                Ok(())
            }
            Step::PeakBelow(most) => match self.place.peak()?.saturating_sub(self.peak) {
                grown if grown <= *most => Ok(()),
                grown => Err(format!("memory grew by {grown} bytes, expected at most {most}")),
            },
        }
    }

    /// Messages go through the store and answers to control frames do not, so that one may overtake the other.
    fn in_any_order(&mut self, steps: &[Step], nonce: &str) -> Result<(), String> {
        let is_pong = |step: &&Step| matches!(step, Step::Pong(_));
        let (mut pongs, mut rest): (Vec<&Step>, Vec<&Step>) = steps.iter().rev().partition(is_pong);
        while !(pongs.is_empty() && rest.is_empty()) {
            let lane = if self.peer.next_is_pong()? {
                &mut pongs
            } else {
                &mut rest
            };
            match lane.pop() {
                Some(step) => self.carry_out(step, nonce)?,
                None => return Err("more came than was expected".into()),
            }
        }
        Ok(())
    }
}

fn lives(peer: &mut Peer, nonce: &str) -> Result<(), String> {
    let ping = wire::frame(PING, nonce.as_bytes());
    peer.send(&ping, ping.len())?;
    peer.expect_pong(nonce.as_bytes())
}

/// Two connections are closed alike and the second answers: it must end while the server still waits for the other's answer. An order,
/// not a time.
fn ends_first(peer: &mut Peer, place: &Place, opening: Opening, code: u16) -> Result<(), String> {
    let provocation = if opening == Opening::Bare {
        Request::handshake(place).without("Authorization").bytes()
    } else {
        wire::frame(wire::BINARY, b"\x00")
    };
    let provoke = |peer: &mut Peer| {
        peer.send(&provocation, provocation.len())?;
        if opening == Opening::Bare {
            peer.expect_status(101)?;
        }
        peer.expect_close(Some(code), false)
    };
    let mut other = Peer::open(place, opening)?;
    provoke(&mut other)?;
    let answer = provoke(peer)?;
    peer.send(&answer, answer.len())?;
    peer.expect_end()?;
    if other.has_ended()? {
        return Err("the server ended the socket for want of an answer, though it had one".into());
    }
    Ok(())
}

/// The server closes, is answered, and hears no more.
fn closes(peer: &mut Peer, code: Option<u16>, at_last: bool) -> Result<(), String> {
    let answer = peer.expect_close(code, at_last)?;
    peer.send(&answer, answer.len())?;
    peer.part()
}

fn expect_header(peer: &Peer, name: &str, value: Option<&str>) -> Result<(), String> {
    let said = peer.headers(name);
    match (said.as_slice(), value) {
        ([], None) => Ok(()),
        ([one], Some(value)) if *one == value => Ok(()),
        (_, Some(value)) => Err(format!("expected `{name}: {value}`, got {said:?}")),
        (_, None) => Err(format!("expected no `{name}`, got {said:?}")),
    }
}
