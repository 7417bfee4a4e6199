//! A client's requests, carried out: at once where nothing has to be waited for, else as a future that
//! the connection's task drives.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use charla_core::session::{Failure, Refusal, Request};
use charla_core::{CanEnter, Millis, Seq};
use charla_wire::server_frame::ServerFrame;
use charla_wire::{Cause, ChatId};

use crate::attachments;
use crate::auth;
use crate::connection::Connection;
use crate::happening::{RoomEvent, wire_message};
use crate::join::{LeftOff, join, unavailable};
use crate::membership::Membership;
use crate::metrics::CauseLabel;
use crate::node::Node;
use crate::publish::{Entry, Meant, Receipt};
use crate::search;
use crate::store::{Changed, Page};

/// A request that has to wait for something.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Effect> + Send>>;

/// What a request changes of its connection.
pub(crate) enum Effect {
    /// Nothing: the answer is on its way.
    Nothing,
    /// It hears a chat now.
    Joined(CanEnter, Membership),
    /// It may not hear a chat anew, and goes on hearing it as before.
    Stays(Membership),
    /// It hears a chat no longer.
    Left(ChatId),
    /// Its token ends then.
    Renewed(Option<Millis>),
}

/// How far a request came at once.
pub(crate) enum Progress {
    /// All the way.
    Done,
    /// It waits.
    Waits(Pending),
}

/// Carries a request out. `former` is the seat in the chat that is to be heard anew, if there is one.
pub(crate) fn carry_out(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    request: Request,
    former: Option<Membership>,
    reference: Option<u64>,
) -> Progress {
    match request {
        Request::Subscribe {
            chat,
            after,
            rev,
            epoch,
        } => {
            let (node, connection) = (Arc::clone(node), Arc::clone(connection));
            let left_off = LeftOff { after, rev, epoch };
            return Progress::Waits(Box::pin(async move {
                subscribe(&node, &connection, chat, left_off, former, reference).await
            }));
        }
        Request::Post(draft) => post(node, connection, draft, reference),
        Request::PostWith(draft, ids) => {
            let (node, connection) = (Arc::clone(node), Arc::clone(connection));
            return Progress::Waits(Box::pin(async move {
                post_with(&node, &connection, draft, &ids, reference).await;
                Effect::Nothing
            }));
        }
        Request::Ping => node.answer(connection, &ServerFrame::Pong),
        Request::Report(failure) => note_failure(node, connection, &failure),
        Request::Typing { grant, on } => {
            let event = RoomEvent::Typing {
                by: grant.author().clone(),
                on,
            };
            let except = Some(connection.opening.id);
            node.tell_room(grant.room(), event, except);
        }
        waits @ (Request::Unsubscribe(_)
        | Request::Attach { .. }
        | Request::Download { .. }
        | Request::History { .. }
        | Request::Search { .. }
        | Request::Edit { .. }
        | Request::Delete { .. }
        | Request::Read { .. }
        | Request::Refresh(_)) => {
            let (node, connection) = (Arc::clone(node), Arc::clone(connection));
            return Progress::Waits(Box::pin(async move {
                match settle(&node, &connection, waits, reference).await {
                    Ok(effect) => effect,
                    Err(refusal) => {
                        node.answer_refusal(&connection, reference, &refusal);
                        Effect::Nothing
                    }
                }
            }));
        }
    }
    Progress::Done
}

/// A failure that only the client could see, among those that we saw ourselves.
fn note_failure(node: &Node, connection: &Connection, failure: &Failure) {
    let opening = &connection.opening;
    tracing::info!(
        connection = %opening.id, cause = failure.cause, code = failure.code, attempts = failure.attempts,
        away_ms = failure.away, address = %opening.address,
        tenant = %opening.visitor.key.tenant, user = %opening.visitor.key.user,
        "a client reports why it was away"
    );
    let label = CauseLabel::of_id(&failure.cause);
    node.metrics.client_failures.get_or_create(&label).inc();
}

fn post(node: &Node, connection: &Arc<Connection>, draft: charla_core::Draft, reference: Option<u64>) {
    let meant = Meant {
        chat: draft.room.chat.clone(),
        id: draft.id,
    };
    connection.send_begins();
    let receipt = Receipt::Client {
        connection: Arc::clone(connection),
        reference,
        meant: meant.clone(),
        began: Instant::now(),
    };
    let receipt = receipt.traced(node.telemetry.send(&connection.opening, &draft));
    if let Err(error) = node.store.append(Entry { draft, receipt }) {
        connection.send_ends(usize::MAX);
        let refusal = Refusal {
            chat: Some(meant.chat),
            id: Some(meant.id),
            detail: "send it again with the same id".to_owned(),
            ..unavailable(error)
        };
        node.answer_refusal(connection, reference, &refusal);
    }
}

/// Looks for the files that a message names, then hands it to the store.
async fn post_with(
    node: &Node,
    connection: &Arc<Connection>,
    mut draft: charla_core::Draft,
    ids: &[uuid::Uuid],
    reference: Option<u64>,
) {
    match attachments::gather(node, &mut draft, ids).await {
        Ok(()) => post(node, connection, draft, reference),
        Err(refusal) => {
            let refusal = Refusal {
                chat: Some(draft.room.chat),
                id: Some(draft.id),
                ..refusal
            };
            node.answer_refusal(connection, reference, &refusal);
        }
    }
}

async fn settle(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    request: Request,
    reference: Option<u64>,
) -> Result<Effect, Refusal> {
    match request {
        Request::Unsubscribe(chat) => {
            node.answer(
                connection,
                &ServerFrame::Unsubscribed {
                    reference,
                    chat: &chat,
                },
            );
            return Ok(Effect::Left(chat));
        }
        Request::History { grant, before, limit } => {
            history(node, connection, &grant, before, limit, reference).await?
        }
        Request::Search {
            grant,
            words,
            before,
            limit,
        } => search::answer(node, connection, &grant, (&words, before, limit), reference).await?,
        Request::Edit { grant, seq, text } => {
            let changed = node.edit(&grant, seq, &text).await.map_err(unavailable)?;
            changed_answer(node, connection, &grant, seq, &changed, reference)?;
        }
        Request::Delete { grant, seq } => {
            let changed = node.delete(&grant, seq).await.map_err(unavailable)?;
            changed_answer(node, connection, &grant, seq, &changed, reference)?;
        }
        Request::Attach {
            grant,
            name,
            media_type,
            bytes,
        } => attach(node, connection, &grant, (&name, &media_type, bytes), reference).await?,
        Request::Download { grant, id } => download(node, connection, &grant, id, reference).await?,
        Request::Read { grant, seq } => node.mark_read(&grant, seq).await.map_err(unavailable)?,
        Request::Refresh(token) => return refresh(node, connection, &token, reference).await,
        // Carried out without waiting, above.
        Request::Post(_)
        | Request::PostWith(..)
        | Request::Typing { .. }
        | Request::Ping
        | Request::Report(_)
        | Request::Subscribe { .. } => {}
    }
    Ok(Effect::Nothing)
}

async fn attach(
    node: &Node,
    connection: &Connection,
    grant: &CanEnter,
    (name, media_type, bytes): (&str, &str, u64),
    reference: Option<u64>,
) -> Result<(), Refusal> {
    let announced = attachments::announce(node, grant, name, media_type, bytes).await;
    let upload = announced.map_err(|refusal| of(grant, refusal))?;
    let frame = ServerFrame::Upload {
        reference,
        chat: &grant.room().chat,
        id: upload.id,
        name: &upload.name,
        method: "PUT",
        url: &upload.url,
        headers: &upload.headers,
        until: upload.until,
    };
    node.answer(connection, &frame);
    Ok(())
}

async fn download(
    node: &Node,
    connection: &Connection,
    grant: &CanEnter,
    id: uuid::Uuid,
    reference: Option<u64>,
) -> Result<(), Refusal> {
    let located = attachments::locate(node, grant, id).await;
    let (url, until) = located.map_err(|refusal| of(grant, refusal))?;
    let frame = ServerFrame::Download {
        reference,
        chat: &grant.room().chat,
        id,
        url: &url,
        until,
    };
    node.answer(connection, &frame);
    Ok(())
}

/// With the chat that it is about.
fn of(grant: &CanEnter, refusal: Refusal) -> Refusal {
    Refusal {
        chat: Some(grant.room().chat.clone()),
        ..refusal
    }
}

async fn subscribe(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    chat: ChatId,
    left_off: LeftOff,
    mut former: Option<Membership>,
    reference: Option<u64>,
) -> Effect {
    match join(node, connection, &chat, left_off, &mut former, reference).await {
        Ok((grant, membership)) => Effect::Joined(grant, membership),
        Err(refusal) => {
            node.answer_refusal(connection, reference, &refusal);
            former.map_or(Effect::Left(chat), Effect::Stays)
        }
    }
}

async fn history(
    node: &Node,
    connection: &Connection,
    grant: &CanEnter,
    before: Option<Seq>,
    limit: usize,
    reference: Option<u64>,
) -> Result<(), Refusal> {
    let page = before.map_or(Page::Latest, Page::Before);
    // One more than asked for: whether there are older ones the numbers do not say, since old messages may be swept.
    let mut messages = node
        .store
        .messages(grant.room(), page, limit + 1)
        .await
        .map_err(unavailable)?;
    let more = messages.len() > limit;
    messages.drain(..messages.len().saturating_sub(limit));
    let frame = ServerFrame::History {
        reference,
        chat: &grant.room().chat,
        messages: messages.iter().map(wire_message).collect(),
        more,
    };
    node.answer(connection, &frame);
    Ok(())
}

fn changed_answer(
    node: &Node,
    connection: &Connection,
    grant: &CanEnter,
    seq: Seq,
    changed: &Changed,
    reference: Option<u64>,
) -> Result<(), Refusal> {
    let chat = &grant.room().chat;
    let refused = |cause, detail: &str| Refusal {
        chat: Some(chat.clone()),
        ..Refusal::new(cause, detail)
    };
    match changed {
        &Changed::Done { rev, .. } => {
            let frame = ServerFrame::Ack {
                reference,
                chat,
                id: None,
                seq,
                rev: Some(rev),
                sent_at: None,
            };
            node.answer(connection, &frame);
            Ok(())
        }
        Changed::NotFound => Err(refused(Cause::MessageNotFound, "")),
        Changed::Forbidden => Err(refused(Cause::EditForbidden, "")),
        Changed::HistoryRefused => Err(refused(Cause::HistoryRefused, "")),
    }
}

async fn refresh(
    node: &Node,
    connection: &Connection,
    token: &str,
    reference: Option<u64>,
) -> Result<Effect, Refusal> {
    let visitor = &connection.opening.visitor;
    let closing = |refusal: auth::Refusal| Refusal {
        closes: true,
        ..Refusal::new(refusal.cause, refusal.detail)
    };
    let identity = node.auth.verify(token).await.map_err(closing)?;
    let same_tenant = identity
        .tenant
        .as_ref()
        .is_none_or(|tenant| *tenant == visitor.key.tenant);
    if identity.user != visitor.key.user || !same_tenant {
        return Err(Refusal::new(
            Cause::TokenUserMismatch,
            "the new token is somebody else's",
        ));
    }
    // In this order: a token revoked just now is found here, one revoked from now on finds the connection.
    connection.renew_token(identity.jti.as_deref());
    node.auth
        .check_taken_back(&identity, &visitor.key.tenant)
        .await
        .map_err(closing)?;
    let frame = ServerFrame::Refreshed {
        reference,
        token_expires_at: Some(identity.expires_at),
    };
    node.answer(connection, &frame);
    Ok(Effect::Renewed(Some(node.token_end(identity.expires_at))))
}
