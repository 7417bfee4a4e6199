//! The listening socket: accepts, and goes on accepting whatever happens.

mod door;
mod head;
mod http_face;
mod introduced;
mod prefixed;
mod socket;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::attended::Attended;
use crate::node::Node;
use crate::settings::ServerSettings;

pub(crate) use http_face::{ClientAddress, HttpFace, Neighbour};
pub(crate) use socket::Socket;
pub(crate) use tls::{Tls, follow_certificates};
pub use tls::{TlsError, TlsFiles};

/// Connections that may wait to be accepted: a restart brings everybody back at once.
const BACKLOG: i32 = 8192;
/// Pause after the process ran out of file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// How often the loop shows that it goes round when nobody comes.
const ROUND: Duration = Duration::from_secs(1);

/// Binds the address; port 0 picks one.
///
/// # Errors
/// The system's own: in use, not ours, not allowed.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes a socket that somebody else has bound and keeps open.
///
/// # Errors
/// The system's own.
pub(crate) fn take(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// A request's head at the front of some bytes; its size, where it is whole and good.
pub(crate) fn head_size(bytes: &[u8], settings: &ServerSettings) -> Option<usize> {
    head::whole(bytes, settings).ok().flatten().map(|head| head.size)
}

/// Accepts until told to stop. Who is in the queue by then stays there, for whoever else has the socket.
pub(crate) async fn accept(
    node: Arc<Node>,
    listener: TcpListener,
    face: HttpFace,
    stop: watch::Receiver<bool>,
) {
    let mut stopped = stop.clone();
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        node.progress.accepting.notify_waiters();
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
            _ = rounds.tick() => continue,
        };
        match accepted {
            Ok((socket, peer)) => {
                // Small frames must not wait for each other; a socket that cannot promise it is served all the same.
                let _ = socket.set_nodelay(true);
                let waits = node.returns.begins();
                tokio::spawn(door::attend(
                    Arc::clone(&node),
                    face.clone(),
                    socket,
                    peer.ip(),
                    (waits, Attended::new(&node)),
                    stop.clone(),
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
    // Whoever asked whether this moves need not ask any more.
    node.progress.accepting.notify_waiters();
}
