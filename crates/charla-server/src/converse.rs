//! From an upgraded socket to the end of its connection: the 101's consequence, and the book-keeping
//! around [`serve`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use charla_core::Millis;
use charla_wire::{Cause, codec};

use crate::admission::Place;
use crate::attended::Attended;
use crate::broker::Topic;
use crate::connection::{Connection, Ending, Initiator, Opening};
use crate::farewell::await_answer;
use crate::follow::Following;
use crate::handshake::{Admitted, Asked, Dialect, Refused, Switch, note_receipt};
use crate::happening::Variant;
use crate::listen::Socket;
use crate::loops::{self, Fingerprint, Who};
use crate::metrics::CloseLabels;
use crate::node::Node;
use crate::receipts::Outcome;
use crate::serve::{Serving, serve};
use crate::telemetry::ConnectionTrace;
use crate::users::Registered;

/// How long a refused client may take to answer the close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// Carries on over a socket that was just upgraded, in a task of its own that holds no more than the
/// conversation needs; `unread` came in behind the handshake.
pub(crate) fn converse(node: &Arc<Node>, socket: Socket, switch: Switch, unread: Vec<u8>) {
    let Switch {
        verdict,
        asked,
        id,
        deflate,
        began,
        ..
    } = switch;
    match verdict {
        Ok((admitted, underway)) => {
            node.metrics
                .handshake_seconds
                .observe(began.elapsed().as_secs_f64());
            let left_off = asked.left_off;
            let (token_ends, held) = accept(node, socket, admitted, asked, id, deflate);
            // Bytes behind the handshake are rare, and an empty buffer would keep its room.
            let unread = if unread.is_empty() { Vec::new() } else { unread };
            let connection = Arc::clone(&held.connection);
            let mut serving = Serving::new(Arc::clone(node), connection, token_ends, unread);
            serving.greet(left_off, underway);
            tokio::spawn(live(serving, held));
        }
        Err(refused) => {
            let attended = Attended::new(node);
            tokio::spawn(async move {
                turn_away(&socket, &refused, &unread).await;
                drop(attended);
            });
        }
    }
}

/// Says why, waits for the answer and hangs up.
async fn turn_away(socket: &Socket, refused: &Refused, unread: &[u8]) {
    let frame = codec::close(refused.cause, &refused.detail);
    let farewell = async {
        if write_all(socket, frame.bytes()).await.is_ok() {
            await_answer(socket, unread).await;
        }
    };
    // A peer that does not answer is left all the same.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

/// Writes everything, waiting for room.
///
/// # Errors
/// The socket's own.
pub(crate) async fn write_all(socket: &Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.writable().await?,
            Err(error) => return Err(error),
        }
    }
    while !socket.try_flush()? {
        socket.writable().await?;
    }
    Ok(())
}

fn accept(
    node: &Arc<Node>,
    socket: Socket,
    admitted: Admitted,
    asked: Asked,
    id: uuid::Uuid,
    deflate: bool,
) -> (Option<Millis>, Held) {
    let Admitted {
        visitor,
        chat,
        expires_at,
        token_id,
        place,
        address,
        conduct,
    } = admitted;
    let tenant = visitor.key.tenant.clone();
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
        since: (node.clock)(),
        outbox: node.limits.of(&tenant).outbox,
        trace: asked.trace.map(ConnectionTrace::new).map(Box::new),
    };
    let token_ends = Some(node.token_end(expires_at));
    let connection = Arc::new(Connection::new(opening, socket));
    let user = &connection.opening.visitor.key;
    let following = node.follow(Topic::User(user.clone()));
    let lists = connection
        .lists_chats()
        .then(|| node.follow(Topic::Tenant(user.tenant.clone())));
    let registered = node.users.register(&connection);
    if node.is_revoked(&connection) {
        // Between the gate and the register nobody would have found it.
        connection.close(Cause::TokenRevoked, "");
    }
    if node.is_draining() {
        // Likewise.
        connection.close(Cause::Restarting, &node.returns.detail(Cause::Restarting, ""));
    }
    node.connections_moved(&connection.opening.visitor.key);
    node.metrics.connections.inc();
    node.count_opened(&connection);
    let broken = Ending {
        cause: Some(Cause::InternalError),
        initiator: Initiator::Server,
    };
    let held = Held {
        node: Arc::clone(node),
        connection,
        ending: broken,
        conduct,
        counted: Some((registered, place, following, lists)),
    };
    (token_ends, held)
}

/// What a connection holds of its node, given back when it ends, however it ends.
struct Held {
    node: Arc<Node>,
    connection: Arc<Connection>,
    // A task that does not live to say how it ended has panicked.
    ending: Ending,
    conduct: Option<Fingerprint>,
    counted: Option<(Registered, Place, Following, Option<Following>)>,
}

async fn live(serving: Serving, mut held: Held) {
    held.ending = serve(serving).await;
}

impl Drop for Held {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.connection.close(Cause::InternalError, "");
            // The client should learn of it even so; nothing more can be done if it does not.
            let _ = self.connection.flush(self.node.uptime.now());
        }
        drop(self.counted.take());
        self.node.connections_moved(&self.connection.opening.visitor.key);
        // Whoever finds nobody left finds everybody counted.
        conclude(&self.node, &self.connection, self.ending);
        self.node.metrics.connections.dec();
        note_conduct(&self.node, &self.connection, self.ending, self.conduct);
        self.node.drained.notify_waiters();
    }
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
    node.count_closed(connection, ending);
    node.tell_closed(connection, ending);
    let lasted = node.uptime.now().saturating_sub(opening.opened_at);
    tracing::info!(
        connection = %opening.id, cause, initiator, lasted_ms = lasted, address = %opening.address,
        tenant = %opening.visitor.key.tenant, user = %opening.visitor.key.user,
        chat = opening.home.as_ref().map(tracing::field::display),
        unsent_bytes = connection.unsent_bytes(), trace = opening.trace_id().map(tracing::field::display),
        "connection ended"
    );
    note_receipt(
        node,
        opening.attempt.as_deref(),
        opening.id,
        Outcome::Closed,
        ending.cause,
    );
}

/// A connection that the server had to end at once, for what the client does, counts as a refusal.
fn note_conduct(node: &Node, connection: &Connection, ending: Ending, conduct: Option<Fingerprint>) {
    let (Some(conduct), Some(cause), Initiator::Server) = (conduct, ending.cause, ending.initiator) else {
        return;
    };
    let opening = &connection.opening;
    let now = node.uptime.now();
    let lasted = now.saturating_sub(opening.opened_at);
    let who = Who {
        tenant: Some(opening.visitor.key.tenant.clone()),
        user: Some(opening.visitor.key.user.clone()),
        chat: opening.home.clone(),
        address: Some(opening.address),
    };
    for (key, held) in node.loops.ended(conduct, cause, lasted, &who, now) {
        loops::tell_begin(&key, held, &who);
    }
}
