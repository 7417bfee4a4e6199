//! From an upgraded socket to the end of its connection: the 101's consequence, and the book-keeping
//! around [`serve`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use charla_wire::{Cause, codec};
use tokio::net::TcpStream;

use crate::connection::{Connection, Ending, Opening};
use crate::handshake::{Admitted, Asked, Dialect, Refused, Switch, count};
use crate::happening::Variant;
use crate::metrics::CloseLabels;
use crate::node::Node;
use crate::receipts::{Outcome, Receipt};
use crate::serve::{drain, serve};

/// How long a refused client may take to answer the close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// Carries on over a socket that was just upgraded; `unread` came in behind the handshake.
pub(crate) async fn converse(node: Arc<Node>, socket: TcpStream, switch: Box<Switch>, unread: Vec<u8>) {
    let Switch {
        verdict,
        asked,
        id,
        deflate,
        began,
        ..
    } = *switch;
    match verdict {
        Ok(admitted) => {
            count(&node.metrics.handshakes, None);
            let took = node.uptime.now().saturating_sub(began);
            node.metrics
                .handshake_seconds
                .observe(Duration::from_millis(took).as_secs_f64());
            accept(node, socket, admitted, asked, id, deflate, unread).await;
        }
        Err(refused) => turn_away(&socket, &refused).await,
    }
}

/// Says why, waits for the answer and hangs up.
async fn turn_away(socket: &TcpStream, refused: &Refused) {
    let frame = codec::close(refused.cause, &refused.detail);
    let farewell = async {
        if write_all(socket, frame.bytes()).await.is_ok() {
            drain(socket).await;
        }
    };
    // A peer that does not answer is left all the same.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

/// Writes everything, waiting for room.
///
/// # Errors
/// The socket's own.
pub(crate) async fn write_all(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn accept(
    node: Arc<Node>,
    socket: TcpStream,
    admitted: Admitted,
    asked: Asked,
    id: uuid::Uuid,
    deflate: bool,
    unread: Vec<u8>,
) {
    let Admitted {
        visitor,
        chat,
        expires_at,
        token_id,
        place,
        address,
    } = admitted;
    let opening = Opening {
        id,
        visitor,
        token_expires_at: Some(expires_at),
        token_id: token_id.map(Into::into),
        variant: Variant {
            plain: asked.dialect == Dialect::Plain,
            deflate,
        },
        address,
        home: chat,
        attempt: asked.attempt.map(Into::into),
        uptime: node.uptime,
        opened_at: node.uptime.now(),
        outbox: node.outbox_limits,
    };
    let token_ends = Some(node.token_end(expires_at));
    let connection = Arc::new(Connection::new(opening, socket));
    let registered = node.users.register(&connection);
    node.metrics.connections.inc();
    note(&node, &connection, Outcome::Accepted, None);
    let ending = serve(
        Arc::clone(&node),
        Arc::clone(&connection),
        token_ends,
        asked.left_off,
        unread,
    )
    .await;
    drop((registered, place));
    node.metrics.connections.dec();
    conclude(&node, &connection, ending);
    node.drained.notify_waiters();
}

/// One line, one count and one receipt for an ended connection.
fn conclude(node: &Node, connection: &Connection, ending: Ending) {
    let opening = &connection.opening;
    let cause = ending.cause.map_or("none", Cause::id);
    let initiator = ending.initiator.as_str();
    node.metrics
        .closes
        .get_or_create(&CloseLabels { cause, initiator })
        .inc();
    let lasted = node.uptime.now().saturating_sub(opening.opened_at);
    tracing::info!(
        connection = %opening.id, cause, initiator, lasted_ms = lasted, address = %opening.address,
        tenant = %opening.visitor.key.tenant, user = %opening.visitor.key.user,
        chat = opening.home.as_ref().map(tracing::field::display),
        unsent_bytes = connection.waiting_bytes(), "connection ended"
    );
    note(node, connection, Outcome::Closed, ending.cause);
}

fn note(node: &Node, connection: &Connection, outcome: Outcome, cause: Option<Cause>) {
    let Some(attempt) = &connection.opening.attempt else {
        return;
    };
    let receipt = Receipt {
        outcome,
        cause,
        code: cause.map(Cause::close_code),
        connection: connection.opening.id.to_string(),
        at: (node.clock)(),
    };
    node.receipts.note(attempt, receipt, node.uptime.now());
}
