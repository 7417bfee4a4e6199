//! The listening socket: accepts, and goes on accepting whatever happens.

mod door;
mod head;
mod http_face;
mod prefixed;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::node::Node;

pub(crate) use http_face::{ClientAddress, HttpFace};

/// Connections that may wait to be accepted: a restart brings everybody back at once.
const BACKLOG: i32 = 8192;
/// Pause after the process ran out of file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Binds the address; port 0 picks one.
///
/// # Errors
/// The system's own: in use, not ours, not allowed.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until told to stop.
pub(crate) async fn accept(
    node: Arc<Node>,
    listener: TcpListener,
    face: HttpFace,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
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
                    waits,
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}
