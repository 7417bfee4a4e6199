//! Requests over connections kept alive: each connection asks again as soon as it is answered.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::net::{RecvFlags, SendFlags};

use crate::failure::{Failure, Outcome};

/// Bytes read at once; answers are far shorter.
const READ_BUFFER: usize = 16 * 1024;

/// Sends `request` over `connections` connections for the time of `span`; how many answers had `status`. Any other
/// answer is a failure.
pub(crate) fn requests(
    to: SocketAddr,
    request: &[u8],
    connections: usize,
    span: Duration,
    status: &str,
) -> Outcome<u64> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut streams = Vec::with_capacity(connections);
    for number in 0..connections {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        epoll::add(
            &epoll,
            &stream,
            epoll::EventData::new_u64(number as u64),
            epoll::EventFlags::IN,
        )?;
        rustix::net::send(&stream, request, SendFlags::NOSIGNAL)?;
        streams.push((stream, Vec::new()));
    }
    let start = Instant::now();
    let mut buffer = vec![0; READ_BUFFER];
    let mut events = Vec::with_capacity(connections);
    let mut answered = 0;
    while start.elapsed() < span {
        let wait = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        if epoll::wait(&epoll, spare_capacity(&mut events), Some(&wait))? == 0 {
            let what = "answers".into();
            return Err(Failure::Stalled {
                what,
                after: Duration::from_secs(5),
                expected: answered + 1,
                seen: answered,
            });
        }
        for event in events.drain(..) {
            let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some((stream, carry)) = streams.get_mut(place) else {
                continue;
            };
            let (count, _) = rustix::net::recv(&*stream, buffer.as_mut_slice(), RecvFlags::empty())?;
            if count == 0 {
                return Err(Failure::Closed {
                    connection: place,
                    reason: "end of stream".into(),
                });
            }
            carry.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if let Some(size) = answer_size(carry) {
                if !carry.starts_with(status.as_bytes()) {
                    return Err(Failure::Server(String::from_utf8_lossy(carry).into_owned()));
                }
                carry.drain(..size);
                answered += 1;
                rustix::net::send(&*stream, request, SendFlags::NOSIGNAL)?;
            }
        }
    }
    Ok(answered)
}

/// One request, one answer: status and body.
pub(crate) fn ask(to: SocketAddr, request: &[u8]) -> Outcome<(String, Vec<u8>)> {
    let stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    rustix::net::send(&stream, request, SendFlags::NOSIGNAL)?;
    let mut answer = Vec::new();
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        let (count, _) = rustix::net::recv(&stream, buffer.as_mut_slice(), RecvFlags::empty())?;
        answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if count == 0 || answer_size(&answer).is_some() {
            break;
        }
    }
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(answer.len(), |at| at + 4);
    let body = answer.split_off(end);
    let status = String::from_utf8_lossy(&answer)
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    Ok((status, body))
}

/// Bytes of the answer that `bytes` begin with, once it is all there; it must state its length.
fn answer_size(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(bytes.get(..end)?).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())?;
    (bytes.len() >= end + length).then_some(end + length)
}
