//! From stored to seen: what the store has committed is handed to the broker, then acknowledged.
//!
//! Store first: a message that nobody could replay is never shown. Publish before the acknowledgement:
//! whoever edits a message after seeing its number finds it published already.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use charla_core::{Draft, Stored};
use charla_wire::server_frame::ServerFrame;
use charla_wire::{Cause, codec};
use tokio::sync::{mpsc, oneshot};

use crate::connection::Connection;
use crate::happening::RoomEvent;
use crate::node::Node;
use crate::store::{AppendError, Appended, Committed};
use crate::telemetry::{self, Commit, Kind, Span, TraceContext};

/// Sends of one connection that may be on their way to the store at once; more wait in its socket.
pub const IN_FLIGHT_MAX: usize = 64;

/// A draft on its way into the store, and who waits for it.
#[derive(Debug)]
pub struct Entry {
    /// What to store.
    pub draft: Draft,
    /// Who waits.
    pub receipt: Receipt,
}

/// Who waits for a draft to be stored.
#[derive(Debug)]
pub enum Receipt {
    /// A client, to be told by a frame.
    Client {
        /// Over which connection.
        connection: Arc<Connection>,
        /// Its number for the request.
        reference: Option<u64>,
        /// The message as it was sent, for the refusal.
        meant: Meant,
        /// When it came.
        began: Instant,
    },
    /// A task that awaits the outcome.
    Waiter(oneshot::Sender<Result<Appended, AppendError>>),
    /// Either of them, for a message that is recorded.
    Traced(Box<Traced>),
}

/// A recorded message on its way.
#[derive(Debug)]
pub struct Traced {
    receipt: Receipt,
    span: Span,
    commit: Option<Commit>,
}

/// Which send a client is told about.
#[derive(Debug, Clone)]
pub struct Meant {
    /// The chat.
    pub chat: charla_wire::ChatId,
    /// The message's id.
    pub id: uuid::Uuid,
}

/// Publishes what the store commits, group after group, until the store is gone.
pub async fn publish_committed(node: Arc<Node>, mut groups: mpsc::Receiver<Vec<Committed>>) {
    while let Some(mut group) = groups.recv().await {
        if node.telemetry.is_on() {
            note_commit(&mut group);
        }
        for Committed { outcome, receipt } in group {
            if let Ok(Appended::New(stored)) = &outcome {
                node.metrics.messages.inc();
                node.count_message(&stored.draft.room.tenant);
                let span = receipt.publishes(stored);
                let trace = span.as_ref().map(Span::context);
                let room = &stored.draft.room;
                node.tell_room_of(room, RoomEvent::Message(stored.clone()), None, trace);
                drop(span);
                node.inbox.moved(&stored.draft.room);
                if let Some(bridge) = node.bridge.get() {
                    bridge.say_stored(stored);
                }
            }
            receipt.settle(outcome, &node);
        }
    }
}

/// One span for the commit that a group shared, in the trace of the first message that is recorded; linked to all of them, and
/// they to it.
fn note_commit(group: &mut [Committed]) {
    let mut traced = group
        .iter_mut()
        .filter_map(|committed| match &mut committed.receipt {
            Receipt::Traced(traced) => Some(traced),
            Receipt::Client { .. } | Receipt::Waiter(_) => None,
        });
    let Some(first) = traced.next() else { return };
    let Some(commit) = first.commit else { return };
    let mut span = first.span.commit(commit);
    span.link(first.span.context());
    for other in traced {
        other.span.link(span.context());
        span.link(other.span.context());
    }
    span.count("charla.group", group.len() as u64);
}

impl Receipt {
    /// With the span of the message, where that is recorded.
    #[must_use]
    pub(crate) fn traced(self, span: Option<Span>) -> Self {
        match span {
            None => self,
            Some(span) => Self::Traced(Box::new(Traced {
                receipt: self,
                span,
                commit: None,
            })),
        }
    }

    /// What of a recorded message others name as their parent.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        match self {
            Self::Traced(traced) => Some(traced.span.context()),
            Self::Client { .. } | Self::Waiter(_) => None,
        }
    }

    /// The group was committed just now; from its first statement on that took so long.
    pub(crate) fn committed(&mut self, lasted: Duration) {
        if let Self::Traced(traced) = self {
            traced.commit = Some(Commit {
                ended: SystemTime::now(),
                lasted,
            });
        }
    }

    fn publishes(&self, stored: &Stored) -> Option<Span> {
        let Self::Traced(traced) = self else { return None };
        let mut span = traced.span.child("publish", Kind::Producer);
        telemetry::describe(&mut span, &stored.draft);
        span.count("charla.message.seq", stored.seq);
        Some(span)
    }

    /// Tells whoever waits.
    fn settle(self, outcome: Result<Appended, AppendError>, node: &Node) {
        match self {
            Self::Client {
                connection,
                reference,
                meant,
                began,
            } => {
                node.metrics.send_seconds.observe(began.elapsed().as_secs_f64());
                match outcome {
                    Ok(Appended::New(stored) | Appended::Repeated(stored)) => {
                        acknowledge(&connection, reference, &stored);
                    }
                    Err(error) => refuse(&connection, reference, &meant, &error, node),
                }
                connection.send_ends(IN_FLIGHT_MAX);
            }
            // Whoever waited may be gone; the message is stored all the same.
            Self::Waiter(waiter) => drop(waiter.send(outcome)),
            Self::Traced(traced) => {
                let Traced {
                    receipt, mut span, ..
                } = *traced;
                match &outcome {
                    Ok(Appended::New(stored) | Appended::Repeated(stored)) => {
                        span.count("charla.message.seq", stored.seq);
                    }
                    Err(error) => span.refused(error.cause()),
                }
                receipt.settle(outcome, node);
            }
        }
    }
}

fn acknowledge(connection: &Connection, reference: Option<u64>, stored: &Stored) {
    // The plain dialect has no word for it: the message itself comes back.
    if connection.opening.variant.plain {
        return;
    }
    let frame = ServerFrame::Ack {
        reference,
        chat: &stored.draft.room.chat,
        id: Some(stored.draft.id),
        seq: stored.seq,
        rev: None,
        sent_at: Some(stored.sent_at),
    };
    connection.deliver(codec::text(&frame.to_json()).bytes());
}

fn refuse(connection: &Connection, reference: Option<u64>, meant: &Meant, error: &AppendError, node: &Node) {
    let refusal = charla_core::session::Refusal {
        chat: Some(meant.chat.clone()),
        id: Some(meant.id),
        ..charla_core::session::Refusal::new(error.cause(), error.detail())
    };
    node.answer_refusal(connection, reference, &refusal);
}

impl AppendError {
    /// What a client is told besides. A store's own words name files, hosts and ports: they stay in the log.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Unavailable(_) => "not stored; send it again with the same id".into(),
            Self::IdConflict
            | Self::NoChat
            | Self::Closed
            | Self::AttachmentMissing
            | Self::HistoryRefused => self.to_string(),
        }
    }

    /// The cause that a client is told.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::IdConflict => Cause::IdConflict,
            Self::NoChat => Cause::ChatNotFound,
            Self::Closed => Cause::ChatClosed,
            Self::AttachmentMissing => Cause::AttachmentNotFound,
            Self::HistoryRefused => Cause::HistoryRefused,
            Self::Unavailable(_) => Cause::StoreUnavailable,
        }
    }
}
