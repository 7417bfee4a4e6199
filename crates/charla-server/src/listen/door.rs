//! The front door: reads a request's head within its time, answers what concerns sockets itself and hands
//! everything else to the HTTP server.
//!
//! HTTP/1.0 handshakes come in here too (nginx without `proxy_http_version` sends them), which an HTTP
//! library would not upgrade.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use charla_wire::Cause;
use http::header;
use http::request::Parts;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::head::{self, HeadError};
use super::http_face::HttpFace;
use super::introduced::{NotIntroduced, introduced};
use super::socket::Socket;
use crate::attended::Attended;
use crate::converse::{converse, write_all};
use crate::farewell::drain;
use crate::handshake::{self, Answer, READABLE, Reply, is_socket_path};
use crate::node::Node;
use crate::returns::Underway;

/// How long a preflight's connection is kept for the next one.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a drain waits for the first words of somebody who was let through the door just before.
const FIRST_WORDS: Duration = Duration::from_secs(1);
/// How long a client that was refused may go on sending before it is cut.
const FAREWELL: Duration = Duration::from_millis(500);

/// Attends to one accepted socket until somebody else takes it over or it ends. `waits`: for its turn, and for the
/// first answer, which a drain waits for too.
pub(super) async fn attend(
    node: Arc<Node>,
    face: HttpFace,
    stream: TcpStream,
    neighbour: IpAddr,
    (waits, attended): (Underway, Attended),
    mut stop: watch::Receiver<bool>,
) {
    // From here on it may be the client that is waited for.
    drop(waits);
    let mut attended = Some(attended);
    let mut deadline = Instant::now() + node.settings.server.handshake_timeout;
    let entered = tokio::select! {
        entered = timeout_at(deadline, enter(&node, stream, neighbour)) => entered.ok().flatten(),
        () = draining(&mut stop, true) => None,
    };
    let Some((mut socket, peer)) = entered else { return };
    let mut buffer = Vec::new();
    let mut is_first = true;
    loop {
        let head = tokio::select! {
            head = timeout_at(deadline, head::read(&mut socket, &mut buffer, &node.settings.server)) => Some(head),
            () = draining(&mut stop, is_first) => None,
        };
        let Some(head) = head else {
            if buffer.is_empty() {
                return;
            }
            let detail = node.returns.detail(Cause::Restarting, "");
            return refuse(&socket, Cause::Restarting, &detail).await;
        };
        let head = match head {
            Ok(Ok(head)) => head,
            Ok(Err(HeadError::Gone)) => return,
            Ok(Err(HeadError::Refused(cause, detail))) => {
                tracing::info!(%cause, detail, address = %peer, "no request");
                return refuse(&socket, cause, detail).await;
            }
            Err(_) if buffer.is_empty() => return,
            Err(_) => return refuse(&socket, Cause::HandshakeTimeout, "the request took too long").await,
        };
        if !is_socket_path(head.parts.uri.path()) {
            return Box::pin(face.serve(node, socket, buffer, peer, (attended, stop))).await;
        }
        buffer.drain(..head.size);
        // On the heap, like the HTTP server: whoever has not asked yet, and may never, shall not hold the room for an answer.
        match Box::pin(handshake::answer(&node, &head.parts, peer)).await {
            Answer::Reply(reply) => {
                let closes = reply.closes || !keeps_alive(&head.parts) || node.is_draining();
                if write_all(&socket, &encode(&reply, closes)).await.is_err() || closes {
                    return part(&socket).await;
                }
            }
            Answer::Switch(switch) => {
                if write_all(&socket, &encode_switch(&switch.headers)).await.is_ok() {
                    converse(&node, socket, *switch, buffer);
                }
                return;
            }
        }
        is_first = false;
        deadline = Instant::now() + KEEP_ALIVE;
        attended = None;
    }
}

/// What comes before HTTP: a proxy's word about whom it brings, and TLS. `None`: nobody to talk to.
async fn enter(node: &Node, mut stream: TcpStream, neighbour: IpAddr) -> Option<(Socket, IpAddr)> {
    let server = &node.settings.server;
    let mut peer = neighbour;
    if server.proxy_protocol && server.trusts(&neighbour) {
        peer = match introduced(&mut stream, neighbour).await {
            Ok(client) => client,
            Err(NotIntroduced::Gone(_)) => return None,
            Err(NotIntroduced::Header(error)) => {
                tracing::warn!(
                    proxy = %neighbour, %error,
                    "a trusted proxy's connection was refused: with `server.proxy_protocol` it has to send a PROXY header first"
                );
                return None;
            }
        };
    }
    let Some(tls) = &node.tls else {
        return Some((Socket::plain(stream), peer));
    };
    match tls.accept(stream).await {
        Ok(socket) => Some((socket, peer)),
        Err(error) => {
            tracing::debug!(%error, address = %peer, "no handshake of TLS");
            None
        }
    }
}

/// Comes back when a connection that says nothing is to be let go of, because the node drains.
async fn draining(stop: &mut watch::Receiver<bool>, is_first: bool) {
    // A sender that is gone is a server that is gone.
    drop(stop.wait_for(|stop| *stop).await);
    if is_first {
        sleep(FIRST_WORDS).await;
    }
}

/// Whether the client wants the connection kept, and sent no body that would have to be skipped.
fn keeps_alive(parts: &Parts) -> bool {
    let connection = parts
        .headers
        .get(header::CONNECTION)
        .and_then(|value| value.to_str().ok());
    let has_body = parts.headers.contains_key(header::CONTENT_LENGTH)
        || parts.headers.contains_key(header::TRANSFER_ENCODING);
    parts.version == http::Version::HTTP_11
        && !has_body
        && !connection.is_some_and(|value| value.to_ascii_lowercase().contains("close"))
}

async fn refuse(socket: &Socket, cause: Cause, detail: &str) {
    let mut reply = Reply::error(cause, detail);
    reply.headers.push((READABLE.0, READABLE.1.to_owned()));
    if write_all(socket, &encode(&reply, true)).await.is_ok() {
        part(socket).await;
    }
}

/// Lets the answer arrive: closing over unread bytes would reset the connection and take it along.
async fn part(socket: &Socket) {
    // A client that goes on sending is cut all the same.
    let _ = timeout(FAREWELL, drain(socket)).await;
}

fn encode(reply: &Reply, closes: bool) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(reply.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason.unwrap_or("Refused"));
    // Writing to a string cannot fail. An answer without content has no length either (RFC 9110, section 8.6).
    let _ = match reply.body.len() {
        0 => Ok(()),
        length => write!(
            head,
            "content-type: application/json\r\ncontent-length: {length}\r\n"
        ),
    };
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if closes && !reply.headers.iter().any(|(name, _)| *name == "connection") {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}

fn encode_switch(headers: &[(&'static str, String)]) -> Vec<u8> {
    let mut head = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in headers {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}
