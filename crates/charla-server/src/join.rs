//! Into a chat: everything missed, then everything live, nothing between lost and nothing twice.
//!
//! The seat is taken first, other nodes are listened to second, and the store is read third; going live closes the gap between the two under
//! the room's lock, or asks for another look.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use charla_core::grant::{self, CanEnter, Door, Visitor};
use charla_core::presence::PRESENCE_MAX;
use charla_core::session::Refusal;
use charla_core::{Role, RoomKey, Seq, Stored};
use charla_wire::server_frame::{ReadMark, ServerFrame};
use charla_wire::{Cause, ChatId, UserId};

use crate::authority::Known;
use crate::connection::Connection;
use crate::happening::{Encoded, MessageBody, RoomEvent, Variant, person};
use crate::membership::Membership;
use crate::node::Node;
use crate::store::{Chat, Page, Standing, StoreError, UserState};

/// Looks into the store before a room counts as too lively to join. Each is in vain if somebody edits a message
/// meanwhile: with a hundred edits a second and 20 ms a look, one in eight is not.
const LOOKS: usize = 64;
/// Messages of the page that a newcomer gets when the gap is too long to resume.
const LATEST_PAGE: usize = 50;

/// Clients that are handed what they missed at once. What their sockets have not taken yet is held in memory, and
/// everybody comes back together after a restart.
pub(crate) const CATCHING_UP_MAX: usize = 64;
/// How long one of them may take to read it before the next has its place.
const CATCHING_UP: Duration = Duration::from_millis(100);

/// Where a client left off.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeftOff {
    /// The last message it has.
    pub after: Option<Seq>,
    /// The last revision it has.
    pub rev: Option<u64>,
    /// The epoch that those are of, if the client knows of epochs.
    pub epoch: Option<u64>,
}

/// The largest number that the stores can give a message.
const SEQ_MAX: Seq = i64::MAX.unsigned_abs();

/// What one look into the store showed.
struct Look {
    chat: Chat,
    have: Seq,
    resumed: bool,
    messages: Vec<MessageBody>,
    // The same for a client of the plain dialect, whose fields have other names.
    plain: Vec<Encoded>,
    changed: Vec<MessageBody>,
    reads: Vec<(UserId, Seq)>,
}

/// Enters a chat for a connection that asked to, or whose address says so. A `former` seat is left when the
/// new one is sure: two would hear everything twice, and a refusal changes nothing.
///
/// # Errors
/// Who may not enter, and what cannot be resumed from.
pub(crate) async fn join(
    node: &Arc<Node>,
    connection: &Arc<Connection>,
    chat: &ChatId,
    left_off: LeftOff,
    former: &mut Option<Membership>,
    reference: Option<u64>,
) -> Result<(CanEnter, Membership), Refusal> {
    let visitor = &connection.opening.visitor;
    let room = RoomKey {
        tenant: visitor.key.tenant.clone(),
        chat: chat.clone(),
    };
    let catching_up = match left_off.after {
        Some(_) => node.catching_up.acquire().await.ok(),
        None => None,
    };
    let mut membership = Membership::enter(node, &room, connection);
    membership.followed().await;
    // Whoever is shut out from now on is shut out here too, or was before the look into the store.
    node.hears_of(&visitor.key).await;
    if !connection.opening.variant.plain {
        membership.knows_who_is_there().await;
    }
    let of_chat = |refusal: Refusal| Refusal {
        chat: Some(chat.clone()),
        ..refusal
    };
    for _ in 0..LOOKS {
        let known = node.standing(&visitor.key, Some(chat), None).await;
        let Known { standing, role } = known.map_err(of_chat)?;
        let door = Door {
            chat_exists: standing.chat.is_some(),
            is_member: standing.member,
        };
        let grant = check_user(&standing)
            .and_then(|()| grant::enter(&as_known(visitor, role), chat, door))
            .map_err(|cause| of_chat(Refusal::new(cause, "")))?;
        let Some(chat) = standing.chat else { continue };
        let look = look(node, &room, chat, left_off, connection.opening.variant)
            .await
            .map_err(of_chat)?;
        let closed = look.chat.closed.as_ref().map(|closed| closed.at);
        node.rooms.know(&room, look.chat.rev, closed);
        drop(former.take());
        let greet = |missed: Vec<Arc<Encoded>>| greet(node, connection, &grant, &look, &missed, reference);
        if membership.go_live(look.have, greet).is_ok() {
            membership.show(&grant);
            if catching_up.is_some() {
                written(connection).await;
            }
            return Ok((grant, membership));
        }
    }
    Err(of_chat(Refusal::new(
        Cause::Overloaded,
        "the chat moves too fast to be joined now",
    )))
}

/// The visitor with the role that the application gives it in this chat.
pub(crate) fn as_known(visitor: &Visitor, role: Option<Role>) -> Visitor {
    Visitor {
        role: role.unwrap_or(visitor.role),
        ..visitor.clone()
    }
}

/// Waits until the socket has taken everything, or for a while. The connection's own task must be the one that
/// waits here: it writes what is left, and looks again after that.
async fn written(connection: &Connection) {
    let all = std::future::poll_fn(|_| match connection.waiting_bytes() {
        0 => Poll::Ready(()),
        _ => Poll::Pending,
    });
    // A slow reader is waited for no longer than this, and then on its own.
    let _ = tokio::time::timeout(CATCHING_UP, all).await;
}

/// Whether the store lets this user in at all.
///
/// # Errors
/// `token_revoked` for deleted users, `user_blocked`.
pub(crate) fn check_user(standing: &Standing) -> Result<(), Cause> {
    match standing.user.as_ref().map(|user| user.state) {
        Some(UserState::Active) | None => Ok(()),
        Some(UserState::Blocked) => Err(Cause::UserBlocked),
        Some(UserState::Deleted) => Err(Cause::TokenRevoked),
    }
}

/// A store's failure, as a client is told of it.
#[expect(clippy::needless_pass_by_value, reason = "made to be handed to `map_err`")]
pub(crate) fn unavailable(error: StoreError) -> Refusal {
    tracing::warn!(%error, "the store did not answer");
    let cause = match error {
        StoreError::Unavailable(_) => Cause::StoreUnavailable,
        StoreError::Full => Cause::Overloaded,
        StoreError::Internal(_) => Cause::InternalError,
    };
    Refusal::new(cause, "")
}

async fn look(
    node: &Node,
    room: &RoomKey,
    chat: Chat,
    left_off: LeftOff,
    variant: Variant,
) -> Result<Look, Refusal> {
    if left_off.after.is_some_and(|after| after > SEQ_MAX) {
        return Err(Refusal::new(
            Cause::BadRequest,
            "`after` is more than a chat can have",
        ));
    }
    let most = node.limits.of(&room.tenant).settings.resume_messages;
    let (have, resumed, messages) = missed(node, room, chat.last_seq, left_off, most)
        .await
        .map_err(unavailable)?;
    let changed = match (left_off.rev, left_off.after) {
        (Some(rev), Some(after)) if resumed && rev < chat.rev => {
            let changed = node.store.changed_since(room, rev, after, most).await;
            changed.map_err(unavailable)?
        }
        _ => Vec::new(),
    };
    let reads = node.store.reads(room).await.map_err(unavailable)?;
    let bodies = |messages: &[Stored]| messages.iter().map(MessageBody::of).collect();
    let encode = |message: Stored| {
        let event = RoomEvent::Message(message);
        Encoded::new(room.clone(), event, None, Arc::clone(&node.speech))
    };
    let (messages, plain) = if variant.plain {
        (Vec::new(), messages.into_iter().map(encode).collect())
    } else {
        (bodies(&messages), Vec::new())
    };
    Ok(Look {
        chat,
        have,
        resumed,
        messages,
        plain,
        changed: bodies(&changed),
        reads,
    })
}

/// What came after a client left off: the last number it will have, whether it then lacks nothing, and the messages.
///
/// It lacks something when there is too much, when retention has swept the first of it, and when its numbers are those of a
/// store that was there before: then it begins anew with the latest page.
async fn missed(
    node: &Node,
    room: &RoomKey,
    last: Seq,
    left_off: LeftOff,
    most: usize,
) -> Result<(Seq, bool, Vec<Stored>), StoreError> {
    let Some(after) = left_off.after else {
        return Ok((last, false, Vec::new()));
    };
    let knows_these = left_off.epoch.is_none_or(|epoch| epoch == node.epoch) && after <= last;
    // Nothing is missing, or the room remembers what is: no need to ask the store.
    if knows_these && (after == last || node.rooms.remembers(room, after, last)) {
        return Ok((after, true, Vec::new()));
    }
    if knows_these && last - after <= most as u64 {
        let missed = node.store.messages(room, Page::After(after), most).await?;
        if missed.first().is_some_and(|first| first.seq == after + 1) {
            let have = missed.last().map_or(after, |message| message.seq);
            return Ok((have, true, missed));
        }
    }
    let page = node.store.messages(room, Page::Latest, LATEST_PAGE).await?;
    Ok((page.last().map_or(last, |message| message.seq), false, page))
}

/// Says what was missed. Called under the room's lock, so that nothing newer comes before it.
fn greet(
    node: &Node,
    connection: &Connection,
    grant: &CanEnter,
    look: &Look,
    missed: &[Arc<Encoded>],
    reference: Option<u64>,
) {
    let variant = connection.opening.variant;
    if variant.plain {
        let missed = missed.iter().map(AsRef::as_ref);
        for frame in look
            .plain
            .iter()
            .chain(missed)
            .filter_map(|event| event.frame(variant))
        {
            connection.deliver(frame.bytes());
        }
        return;
    }
    let room = grant.room();
    let online = node.presence.lock().people(room);
    // Everybody's marker for everybody would grow with the square; one's own is needed to count.
    let is_crowd = look.reads.len() > PRESENCE_MAX;
    // Without `after` there is nothing to resume: what came during the look counts as live.
    let head = ServerFrame::Subscribed {
        reference,
        chat: &room.chat,
        title: &look.chat.title,
        state: if look.chat.closed.is_some() {
            "closed"
        } else {
            "open"
        },
        role: grant.role().as_str(),
        seq: look.have + missed.len() as u64,
        rev: look.chat.rev,
        epoch: node.epoch,
        resumed: look.resumed,
        members_online: online.iter().map(person).collect(),
        reads: look
            .reads
            .iter()
            .filter(|(user, _)| !is_crowd || *user == grant.author().id)
            .map(|(user, seq)| ReadMark { user, seq: *seq })
            .collect(),
    };
    let mut json = head.to_json();
    let live = missed.iter().map(|event| event.body());
    let messages: Vec<MessageBody> = look.messages.iter().cloned().chain(live).collect();
    MessageBody::splice(&mut json, "messages", &messages);
    MessageBody::splice(&mut json, "changed", &look.changed);
    node.answer_json(connection, &json);
}
