//! All that is kept of one person: written out, and taken away.
//!
//! What stays after [`erase`] is the id, deleted, so that tokens made for it are refused, and the messages' numbers. Their author
//! is a pseudonym from then on: the same for all that one person wrote, and nothing that the id could be read from.

use charla_core::{Author, RoomKey, Seq, Stored, UserKey};
use charla_wire::{ChatId, UserId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::mpsc;

use crate::happening::{RoomEvent, wire_message};
use crate::node::Node;
use crate::store::care::Words;
use crate::store::{Store, StoreError, UserChange, UserState};

/// Chats that are read at once.
const CHATS: usize = 200;
/// Messages that are read, or changed in one transaction.
const BATCH: usize = 200;
/// Notifications that are written out: more than the store keeps of anybody.
const NOTIFICATIONS: usize = 100_000;
/// Files that are written out which were not sent yet.
const UNSENT: usize = 100_000;
/// The value of the server's own that pseudonyms are made with.
const KEY: &str = "pseudonyms";
/// Bytes of a pseudonym: enough that no two people of a tenant have the same.
const ALIAS_BYTES: usize = 8;

/// Hands over all that is kept of a person, as one object a record; whether there is such a person. Ends early when nobody
/// takes them any more.
///
/// # Errors
/// When the store fails; what was handed over is not all then.
pub async fn export(
    store: &dyn Store,
    person: &UserKey,
    lines: &mpsc::Sender<Value>,
) -> Result<bool, StoreError> {
    let Some(user) = store.user(person).await? else {
        return Ok(false);
    };
    let traces = store.traces(person).await?;
    let profile = json!({"profile": {
        "tenant": person.tenant, "id": person.user, "name": &*user.name, "role": user.role.as_str(), "state": user.state.as_str(),
        "has_password": user.password.is_some(), "created_at": user.created_at,
    }});
    let membership = |(chat, at)| json!({"membership": {"chat": chat, "joined_at": at}});
    let read = |(chat, seq)| json!({"read": {"chat": chat, "seq": seq}});
    let session = |expires_at| json!({"session": {"expires_at": expires_at}});
    let memberships = traces.memberships.into_iter().map(membership);
    let reads = traces.reads.into_iter().map(read);
    let sessions = traces.sessions.into_iter().map(session);
    for line in std::iter::once(profile)
        .chain(memberships)
        .chain(reads)
        .chain(sessions)
    {
        if lines.send(line).await.is_err() {
            return Ok(true);
        }
    }
    for note in store.notifications(person, NOTIFICATIONS).await? {
        let line = json!({"notification": {
            "id": note.id, "kind": note.kind, "text": note.text, "url": note.url,
            "data": note.data.as_deref().map(serde_json::from_str::<Value>).and_then(Result::ok),
            "created_at": note.created_at, "read": note.read,
        }});
        if lines.send(line).await.is_err() {
            return Ok(true);
        }
    }
    for file in store.unsent(person, UNSENT).await? {
        let line = json!({"attachment": {
            "chat": file.room.chat, "attachment": file.attachment, "created_at": file.created_at,
        }});
        if lines.send(line).await.is_err() {
            return Ok(true);
        }
    }
    let mut chats = Chats::of(person);
    while let Some(room) = chats.next(store).await? {
        let mut after: Seq = 0;
        loop {
            let written = store.written_by(&room, &person.user, after, BATCH).await?;
            let Some(last) = written.last() else { break };
            after = last.seq;
            for message in &written {
                let line = json!({"message": {"chat": room.chat, "message": wire_message(message)}});
                if lines.send(line).await.is_err() {
                    return Ok(true);
                }
            }
        }
    }
    Ok(true)
}

/// What was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Who wrote the person's messages from now on.
    pub alias: UserId,
    /// How many those are.
    pub messages: u64,
}

/// Takes a person away; `None` when there is none. `tell` hears of every message that is otherwise now, and the chat's
/// revision. Done again, it goes on where it was interrupted.
///
/// # Errors
/// When the store fails; then it is not done.
pub async fn erase(
    store: &dyn Store,
    person: &UserKey,
    words: Words,
    tell: &mut (dyn FnMut(&RoomKey, u64, Stored) + Send),
) -> Result<Option<Erased>, StoreError> {
    if store.user(person).await?.is_none() {
        return Ok(None);
    }
    let alias = alias(store, person).await?;
    // First of all: nothing more is written in this name.
    let change = UserChange {
        state: Some(UserState::Deleted),
        ..UserChange::default()
    };
    store.put_user(person, change).await?;
    let mut messages = 0;
    let mut chats = Chats::of(person);
    while let Some(room) = chats.next(store).await? {
        loop {
            let changed = store.disown(&room, &person.user, &alias, words, BATCH).await?;
            if changed.is_empty() {
                break;
            }
            for (rev, message) in changed {
                messages += 1;
                tell(&room, rev, message);
            }
        }
    }
    store.forget(person, &alias, words).await?;
    Ok(Some(Erased { alias, messages }))
}

/// The pseudonym of a person: the same every time, and known only to who has the store's own key.
async fn alias(store: &dyn Store, person: &UserKey) -> Result<UserId, StoreError> {
    let failed = |what: &str| StoreError::Internal(what.to_owned());
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(|_| failed("the machine gives no random bytes"))?;
    let key = store.keep(KEY, &hex(&fresh)).await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|_| failed("the key of the pseudonyms is of no use"))?;
    mac.update(person.tenant.as_str().as_bytes());
    // No id has it in it.
    mac.update(b"/");
    mac.update(person.user.as_str().as_bytes());
    let sum = mac.finalize().into_bytes();
    let short = sum.get(..ALIAS_BYTES).unwrap_or_default();
    UserId::parse(&format!("erased-{}", hex(short))).map_err(|_| failed("a pseudonym is no id"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The chats of a person's tenant, one after the other.
struct Chats<'p> {
    person: &'p UserKey,
    read: std::vec::IntoIter<RoomKey>,
    after: Option<ChatId>,
    over: bool,
}

impl<'p> Chats<'p> {
    fn of(person: &'p UserKey) -> Self {
        Self {
            person,
            read: Vec::new().into_iter(),
            after: None,
            over: false,
        }
    }

    async fn next(&mut self, store: &dyn Store) -> Result<Option<RoomKey>, StoreError> {
        if let Some(room) = self.read.next() {
            return Ok(Some(room));
        }
        if self.over {
            return Ok(None);
        }
        let page = store
            .chats(&self.person.tenant, self.after.as_ref(), CHATS)
            .await?;
        self.over = page.len() < CHATS;
        self.after = page.last().map(|chat| chat.key.chat.clone());
        let rooms: Vec<RoomKey> = page.into_iter().map(|chat| chat.key).collect();
        self.read = rooms.into_iter();
        Ok(self.read.next())
    }
}

impl Node {
    /// Takes a person away, ends its connections, and tells everybody who has its messages on the screen. `None` when there is
    /// none.
    ///
    /// # Errors
    /// When the store fails; then it is not done, and can be done again.
    pub async fn erase(&self, person: &UserKey, words: Words) -> Result<Option<Erased>, StoreError> {
        if self.store.user(person).await?.is_none() {
            return Ok(None);
        }
        let change = UserChange {
            state: Some(UserState::Deleted),
            ..UserChange::default()
        };
        self.put_user(person, change).await?;
        let now = (self.clock)();
        let mut tell = |room: &RoomKey, rev: u64, message: Stored| {
            let by: Author = message.draft.author.clone();
            let event = if message.deleted {
                let (seq, at) = (message.seq, now);
                RoomEvent::Deleted { seq, rev, at, by }
            } else {
                RoomEvent::Edited { message, rev, by }
            };
            self.tell_room(room, event, None);
        };
        let erased = erase(&*self.store, person, words, &mut tell).await;
        self.wake_attachments();
        erased
    }
}
