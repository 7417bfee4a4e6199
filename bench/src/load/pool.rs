//! Many clients on one `epoll`, driven a turn at a time.
//!
//! Answers pings by itself, for the server drops clients that do not. Payloads are lent to the caller for the length
//! of a call; nothing is kept.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use flate2::{Decompress, FlushDecompress};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::frame;
use crate::failure::{Failure, Outcome};

/// Bytes read at once; one buffer serves all connections.
const READ_BUFFER: usize = 256 * 1024;
/// Sockets reported by one `epoll_wait`.
const EVENTS: usize = 1024;
/// Connections of a pool, at most, that use one address of 127.0.0.0/8: below the 28,232 ephemeral ports.
const PER_ADDRESS: usize = 20_000;

/// Bytes of text that a compressed message may have: far more than is sent.
const INFLATED: usize = 16 * 1024;

/// What a connection is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The TCP handshake; then the request is sent.
    Connecting,
    /// The 101.
    Upgrading,
    /// Frames.
    Open,
}

struct Connection {
    socket: OwnedFd,
    phase: Phase,
    /// The request until it is sent, then whatever the socket had no room for.
    unsent: Vec<u8>,
    /// The start of a head or frame of which the rest has not come.
    carry: Vec<u8>,
    /// Whether `epoll` was told to wait for room.
    waits_for_room: bool,
    /// Whether it reads; slow consumers do not.
    reads: bool,
}

/// What happened to a connection.
pub(crate) enum Event<'a> {
    /// It was upgraded.
    Open,
    /// A text frame.
    Text(&'a [u8]),
    /// It is gone: the close frame's code and reason, the status that was not 101, or what the socket said.
    Closed(String),
}

/// Connections by number, in the order in which they were asked for.
pub(crate) struct Pool {
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
    /// Bytes that have arrived.
    pub(crate) received: u64,
}

impl Pool {
    /// Of no connections yet.
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            buffer: vec![0; READ_BUFFER],
            events: Vec::with_capacity(EVENTS),
            received: 0,
        })
    }

    /// How many were asked for, closed ones too.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Begins a connection; `request` is the handshake's whole head. `receive_buffer` narrows the kernel's, so that a
    /// reader that stops is noticed soon.
    pub(crate) fn connect(
        &mut self,
        to: SocketAddr,
        request: &[u8],
        receive_buffer: Option<usize>,
    ) -> Outcome<usize> {
        let number = self.connections.len();
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(bytes) = receive_buffer {
            sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        }
        if let Ok(group @ 1..) = u8::try_from(number / PER_ADDRESS) {
            rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, group), 0))?;
        }
        match rustix::net::connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(
            &self.epoll,
            &socket,
            data,
            epoll::EventFlags::IN | epoll::EventFlags::OUT,
        )?;
        self.connections.push(Some(Connection {
            socket,
            phase: Phase::Connecting,
            unsent: request.to_vec(),
            carry: Vec::new(),
            waits_for_room: true,
            reads: true,
        }));
        Ok(number)
    }

    /// Sends the bytes of whole frames; what the socket has no room for follows as soon as it has.
    pub(crate) fn send(&mut self, number: usize, bytes: &[u8]) -> Outcome<()> {
        let Some(Some(connection)) = self.connections.get_mut(number) else {
            return Err(Failure::Closed {
                connection: number,
                reason: "before this send".into(),
            });
        };
        connection.unsent.extend_from_slice(bytes);
        if connection.phase == Phase::Open && !connection.waits_for_room {
            Self::flush(&self.epoll, number, connection)?;
        }
        Ok(())
    }

    /// Stops reading from it, for good.
    pub(crate) fn stop_reading(&mut self, number: usize) -> Outcome<()> {
        if let Some(Some(connection)) = self.connections.get_mut(number) {
            connection.reads = false;
            Self::watch(&self.epoll, number, connection)?;
        }
        Ok(())
    }

    /// Closes the TCP connection.
    pub(crate) fn close(&mut self, number: usize) {
        if let Some(connection) = self.connections.get_mut(number) {
            *connection = None;
        }
    }

    /// Waits for at most `wait` and tells `on` what happened.
    pub(crate) fn turn(&mut self, wait: Duration, on: &mut impl FnMut(usize, Event<'_>)) -> Outcome<()> {
        let wait = Timespec::try_from(wait).unwrap_or(Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        });
        let mut events = std::mem::take(&mut self.events);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        for event in events.drain(..) {
            let Ok(number) = usize::try_from(event.data.u64()) else {
                continue;
            };
            let flags = event.flags;
            if let Err(reason) = self.serve(number, flags, on)? {
                self.close(number);
                on(number, Event::Closed(reason));
            }
        }
        self.events = events;
        Ok(())
    }

    /// The inner error is the connection's end.
    fn serve(
        &mut self,
        number: usize,
        flags: epoll::EventFlags,
        on: &mut impl FnMut(usize, Event<'_>),
    ) -> Outcome<Result<(), String>> {
        let Some(Some(connection)) = self.connections.get_mut(number) else {
            return Ok(Ok(()));
        };
        if flags.contains(epoll::EventFlags::OUT) {
            if connection.phase == Phase::Connecting {
                if let Err(errno) = sockopt::socket_error(&connection.socket)? {
                    return Ok(Err(errno.to_string()));
                }
                connection.phase = Phase::Upgrading;
            }
            if let Err(failure) = Self::flush(&self.epoll, number, connection) {
                return Ok(Err(failure.to_string()));
            }
        }
        if !connection.reads
            || !flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
        {
            return Ok(Ok(()));
        }
        let count = match rustix::net::recv(
            &connection.socket,
            self.buffer.as_mut_slice(),
            RecvFlags::DONTWAIT,
        ) {
            Ok((0, _)) => return Ok(Err("end of stream".into())),
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Ok(())),
            Err(errno) => return Ok(Err(errno.to_string())),
        };
        self.received += count as u64;
        let received = self.buffer.get(..count).unwrap_or_default();
        if connection.carry.is_empty() {
            let taken = match take(connection, number, received, on) {
                Ok(taken) => taken,
                Err(end) => return Ok(Err(end)),
            };
            connection
                .carry
                .extend_from_slice(received.get(taken..).unwrap_or_default());
        } else {
            let mut carry = std::mem::take(&mut connection.carry);
            carry.extend_from_slice(received);
            let taken = match take(connection, number, &carry, on) {
                Ok(taken) => taken,
                Err(end) => return Ok(Err(end)),
            };
            if taken < carry.len() {
                carry.drain(..taken);
                connection.carry = carry;
            }
        }
        if !connection.unsent.is_empty() && !connection.waits_for_room {
            Self::flush(&self.epoll, number, connection)?;
        }
        Ok(Ok(()))
    }

    fn flush(epoll: &OwnedFd, number: usize, connection: &mut Connection) -> Outcome<()> {
        if !connection.unsent.is_empty() {
            match rustix::net::send(
                &connection.socket,
                &connection.unsent,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(count) => drop(connection.unsent.drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        if connection.waits_for_room == connection.unsent.is_empty() {
            connection.waits_for_room = !connection.unsent.is_empty();
            Self::watch(epoll, number, connection)?;
        }
        Ok(())
    }

    fn watch(epoll: &OwnedFd, number: usize, connection: &Connection) -> Outcome<()> {
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, connection.reads);
        flags.set(epoll::EventFlags::OUT, connection.waits_for_room);
        let data = epoll::EventData::new_u64(number as u64);
        Ok(epoll::modify(epoll, &connection.socket, data, flags)?)
    }
}

/// Takes the head and whole frames out of `bytes`; how many were taken, or why the connection is over.
fn take(
    connection: &mut Connection,
    number: usize,
    bytes: &[u8],
    on: &mut impl FnMut(usize, Event<'_>),
) -> Result<usize, String> {
    let mut taken = 0;
    if connection.phase == Phase::Upgrading {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(0);
        };
        if !bytes.starts_with(b"HTTP/1.1 101 ") {
            return Err(String::from_utf8_lossy(bytes).into_owned());
        }
        connection.phase = Phase::Open;
        taken = end + 4;
        on(number, Event::Open);
    }
    while let Some(found) = frame::next(bytes.get(taken..).unwrap_or_default()) {
        taken += found.size;
        match found.opcode {
            frame::TEXT if found.compressed => on(number, Event::Text(&inflated(found.payload)?)),
            frame::TEXT => on(number, Event::Text(found.payload)),
            frame::PING => frame::write_client(frame::PONG, found.payload, &mut connection.unsent),
            frame::CLOSE => {
                let (code, reason) = found.payload.split_first_chunk::<2>().unwrap_or((&[0, 0], &[]));
                let reason = String::from_utf8_lossy(reason);
                return Err(format!("{} {reason}", u16::from_be_bytes(*code)));
            }
            other => return Err(format!("unexpected opcode {other}")),
        }
    }
    Ok(taken)
}

/// A compressed payload's text; each message stands for itself (RFC 7692, section 7.2.2).
fn inflated(payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::with_capacity(INFLATED);
    let mut whole = payload.to_vec();
    whole.extend_from_slice(&[0, 0, 0xff, 0xff]);
    Decompress::new(false)
        .decompress_vec(&whole, &mut text, FlushDecompress::Sync)
        .map_err(|error| error.to_string())?;
    Ok(text)
}
