//! The floor: a broadcast that does nothing but the kernel's work.
//!
//! One thread, `epoll`, a fixed 101 answer, one `send()` a socket with the same bytes. Whatever text a client sends
//! goes to every socket. It knows no users, chats, storage, pings or backpressure: a socket that has no room is
//! dropped, and the load generator's count then shows it.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use base64::Engine;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

use crate::failure::Outcome;
use crate::load::frame;

/// Far more than a turn of the loop brings.
const READ_BUFFER: usize = 64 * 1024;
/// Sockets reported by one `epoll_wait`.
const EVENTS: usize = 1024;
/// The listening socket among the events; connections count from 0.
const LISTENER: u64 = u64::MAX;

/// One client.
struct Peer {
    socket: OwnedFd,
    /// Whether its handshake was answered.
    upgraded: bool,
    /// Bytes of an unfinished head or frame.
    carry: Vec<u8>,
}

/// Serves until it is ended.
pub(crate) fn serve(listen: SocketAddr) -> Outcome<()> {
    let listener = TcpListener::bind(listen)?;
    // The standard library listens with a backlog of 128, too few for a storm.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        epoll::EventData::new_u64(LISTENER),
        epoll::EventFlags::IN,
    )?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;

    let mut floor = Floor {
        epoll,
        peers: Vec::new(),
        free: Vec::new(),
        buffer: vec![0; READ_BUFFER],
    };
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        match epoll::wait(&floor.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        for event in events.drain(..) {
            match usize::try_from(event.data.u64()) {
                Ok(peer) if event.data.u64() != LISTENER => floor.read(peer),
                Ok(_) | Err(_) => floor.accept(&listener)?,
            }
        }
    }
}

struct Floor {
    epoll: OwnedFd,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> Outcome<()> {
        while let Ok(socket) =
            rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
        {
            rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
            let place = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            let data = epoll::EventData::new_u64(place as u64);
            epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
            if let Some(slot) = self.peers.get_mut(place) {
                *slot = Some(Peer {
                    socket,
                    upgraded: false,
                    carry: Vec::new(),
                });
            }
        }
        Ok(())
    }

    fn drop_peer(&mut self, place: usize) {
        if let Some(slot) = self.peers.get_mut(place)
            && slot.take().is_some()
        {
            self.free.push(place);
        }
    }

    fn read(&mut self, place: usize) {
        let Some(Some(peer)) = self.peers.get_mut(place) else {
            return;
        };
        let count = match rustix::net::recv(&peer.socket, self.buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((count, _)) if count > 0 => count,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return,
            Ok(_) | Err(_) => return self.drop_peer(place),
        };
        peer.carry
            .extend_from_slice(self.buffer.get(..count).unwrap_or_default());
        if !peer.upgraded {
            let Some(end) = peer.carry.windows(4).position(|four| four == b"\r\n\r\n") else {
                return;
            };
            let head: Vec<u8> = peer.carry.drain(..end + 4).collect();
            let answer = upgrade(&head);
            if rustix::net::send(&peer.socket, &answer, SendFlags::NOSIGNAL) != Ok(answer.len()) {
                return self.drop_peer(place);
            }
            peer.upgraded = true;
        }
        let mut carry = std::mem::take(&mut peer.carry);
        self.broadcast(&mut carry);
        if let Some(Some(peer)) = self.peers.get_mut(place) {
            peer.carry = carry;
        }
    }

    /// Takes whole frames out of `received` and sends the text ones to everybody.
    fn broadcast(&mut self, received: &mut Vec<u8>) {
        let mut taken = 0;
        while let Some(found) = frame::next(received.get(taken..).unwrap_or_default()) {
            if found.opcode == frame::TEXT {
                let mut payload = found.payload.to_vec();
                frame::unmask(&mut payload, found.mask);
                let mut bytes = Vec::with_capacity(payload.len() + 10);
                frame::write_server(frame::TEXT, &payload, &mut bytes);
                self.send_all(&bytes);
            }
            taken += found.size;
        }
        received.drain(..taken);
    }

    fn send_all(&mut self, bytes: &[u8]) {
        let mut full = Vec::new();
        for (place, peer) in self.peers.iter().enumerate() {
            if let Some(peer) = peer
                && peer.upgraded
                && rustix::net::send(&peer.socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
                    != Ok(bytes.len())
            {
                full.push(place);
            }
        }
        for place in full {
            self.drop_peer(place);
        }
    }
}

/// The 101 answer: everything fixed but the accept key (RFC 6455, section 4.2.2).
fn upgrade(head: &[u8]) -> Vec<u8> {
    const NAME: &str = "sec-websocket-key:";
    let head = String::from_utf8_lossy(head);
    let key = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_at_checked(NAME.len())?;
            name.eq_ignore_ascii_case(NAME).then(|| value.trim())
        })
        .unwrap_or_default();
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = base64::engine::general_purpose::STANDARD.encode(hash.digest().bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::upgrade;

    #[test]
    fn the_accept_key_is_that_of_rfc_6455() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\nsec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let answer = String::from_utf8(upgrade(head)).unwrap();
        assert!(
            answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{answer}"
        );
    }
}
