//! What came from Channels, carried out on this node as if somebody here had done it; for every node to hear.

use std::collections::HashSet;
use std::sync::Arc;

use charla_core::{Author, Draft, RoomKey, UserKey};
use charla_wire::UserId;
use charla_wire::ids::USER_ID_MAX;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::figures::Dropped;
use super::meaning::{Incoming, Person, Target};
use crate::happening::{Happening, RoomEvent, UserEvent};
use crate::node::Node;
use crate::publish::{Entry, Receipt};
use crate::store::{AppendError, Appended, Notification, StoreError, UserChange};

/// People who are known to be known; beyond, they are looked up again.
const KNOWN_MAX: usize = 100_000;

/// An event, read, or why not.
pub(super) struct Coming {
    pub(super) id: Uuid,
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) meant: Result<Incoming, Dropped>,
}

/// What became of one.
#[derive(Clone, Copy)]
enum Done {
    Carried,
    Dropped(Dropped),
}

/// A message on its way to the store.
struct Appending {
    place: usize,
    draft: Draft,
    outcome: oneshot::Receiver<Result<Appended, AppendError>>,
}

/// Carries out.
pub(super) struct Inward {
    node: Arc<Node>,
    known: HashSet<UserKey>,
}

impl Inward {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            known: HashSet::new(),
        }
    }

    /// Carries events out in their order; says of each whether it is done with. What is not, because the store was away, is to
    /// be brought again.
    pub(super) async fn carry(&mut self, events: &[Coming]) -> Vec<bool> {
        let mut done = vec![false; events.len()];
        let mut appending = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let carried = match &event.meant {
                Ok(Incoming::Message {
                    room,
                    author,
                    text,
                    data,
                }) => {
                    let words = (text.as_str(), data.clone());
                    match self.append(event.id, room, author, words, place).await {
                        Ok(Ok(sent)) => {
                            appending.push(sent);
                            continue;
                        }
                        Ok(Err(dropped)) => Ok(Done::Dropped(dropped)),
                        Err(error) => Err(error),
                    }
                }
                Ok(other) => {
                    // In its order: a chat is closed after what was said in it.
                    if !self.await_appended(&mut appending, events, &mut done).await {
                        return done;
                    }
                    self.carry_other(other).await
                }
                Err(dropped) => Ok(Done::Dropped(*dropped)),
            };
            match carried {
                Ok(outcome) => self.settle(outcome, event, place, &mut done),
                Err(error) => {
                    tracing::debug!(%error, "what came from Django Channels waits for the store");
                    break;
                }
            }
        }
        self.await_appended(&mut appending, events, &mut done).await;
        done
    }

    fn settle(&self, outcome: Done, event: &Coming, place: usize, done: &mut [bool]) {
        let figures = &self.node.metrics.bridge;
        match outcome {
            Done::Carried => {
                figures.received.inc();
            }
            Done::Dropped(why) => figures.drop(why, &event.group, &event.kind),
        }
        if let Some(done) = done.get_mut(place) {
            *done = true;
        }
    }

    /// Hands a message to the store.
    async fn append(
        &mut self,
        id: Uuid,
        room: &RoomKey,
        author: &Person,
        (text, data): (&str, Option<Arc<str>>),
        place: usize,
    ) -> Result<Result<Appending, Dropped>, StoreError> {
        let limits = &self.node.limits.of(&room.tenant).settings;
        let data_bytes = data.as_ref().map_or(0, |data| data.len());
        if text.len() > limits.text_bytes || data_bytes > limits.data_bytes {
            return Ok(Err(Dropped::TooLarge));
        }
        let author = match self.author(room, author).await? {
            Ok(author) => author,
            Err(dropped) => return Ok(Err(dropped)),
        };
        let draft = Draft {
            room: room.clone(),
            id,
            author,
            text: text.into(),
            data,
            attachments: Vec::new(),
        };
        let outcome = self.hand_over(draft.clone())?;
        Ok(Ok(Appending {
            place,
            draft,
            outcome,
        }))
    }

    /// The application may have written it into its own table already.
    fn hand_over(
        &self,
        draft: Draft,
    ) -> Result<oneshot::Receiver<Result<Appended, AppendError>>, StoreError> {
        let (waiter, outcome) = oneshot::channel();
        self.node.store.append_bridged(Entry {
            draft,
            receipt: Receipt::Waiter(waiter),
        })?;
        Ok(outcome)
    }

    /// Waits for what was handed to the store; false when it went away over it.
    async fn await_appended(
        &self,
        appending: &mut Vec<Appending>,
        events: &[Coming],
        done: &mut [bool],
    ) -> bool {
        for sent in appending.drain(..) {
            let stopped = || Err(AppendError::Unavailable("the writer has stopped".into()));
            let mut outcome = sent.outcome.await.unwrap_or_else(|_| stopped());
            if outcome == Err(AppendError::NoChat) && self.makes_chats() {
                outcome = match self.node.store.put_chat(&sent.draft.room, None).await {
                    Ok(Some(_)) => match self.hand_over(sent.draft) {
                        Ok(outcome) => outcome.await.unwrap_or_else(|_| stopped()),
                        Err(error) => Err(AppendError::Unavailable(error.to_string())),
                    },
                    Ok(None) => Err(AppendError::NoChat),
                    Err(error) => Err(AppendError::Unavailable(error.to_string())),
                };
            }
            let carried = match outcome {
                Ok(Appended::New(_) | Appended::Repeated(_)) => Done::Carried,
                Err(AppendError::NoChat) => Done::Dropped(Dropped::ChatUnknown),
                Err(AppendError::HistoryRefused) => Done::Dropped(Dropped::HistoryRefused),
                Err(AppendError::Closed) => Done::Dropped(Dropped::ChatClosed),
                Err(AppendError::IdConflict | AppendError::AttachmentMissing) => {
                    Done::Dropped(Dropped::Malformed)
                }
                Err(AppendError::Unavailable(error)) => {
                    tracing::debug!(error, "what came from Django Channels waits for the store");
                    return false;
                }
            };
            if let Some(event) = events.get(sent.place) {
                self.settle(carried, event, sent.place, done);
            }
        }
        true
    }

    /// Whether a chat that the application speaks in is made here: also where all chats are the application's.
    fn makes_chats(&self) -> bool {
        self.node.settings.bridge.create_chats || !self.node.authority.is_builtin()
    }

    /// Everything but messages.
    async fn carry_other(&mut self, incoming: &Incoming) -> Result<Done, StoreError> {
        match incoming {
            Incoming::Message { .. } => Ok(Done::Carried),
            Incoming::Notification {
                user,
                kind,
                text,
                url,
                data,
            } => {
                let note = Notification {
                    // The store numbers it.
                    id: 0,
                    kind: kind.clone(),
                    text: text.clone(),
                    url: url.clone(),
                    data: data.clone(),
                    created_at: (self.node.clock)(),
                    read: false,
                };
                self.notify(user, note).await
            }
            Incoming::Closed { room, by, reason } => {
                let by = match self.author(room, by).await? {
                    Ok(by) => by,
                    Err(dropped) => return Ok(Done::Dropped(dropped)),
                };
                let closed = self.node.close_chat_unsaid(room, &by, reason.as_deref()).await?;
                Ok(match closed {
                    Some(_) => Done::Carried,
                    None => Done::Dropped(Dropped::ChatUnknown),
                })
            }
            Incoming::Relayed { target, json } => {
                self.relay(target, json);
                Ok(Done::Carried)
            }
        }
    }

    async fn notify(&mut self, user: &UserKey, note: Notification) -> Result<Done, StoreError> {
        let limits = &self.node.limits.of(&user.tenant).settings;
        let data_bytes = note.data.as_ref().map_or(0, |data| data.len());
        if note.text.len() > limits.text_bytes || data_bytes > limits.data_bytes {
            return Ok(Done::Dropped(Dropped::TooLarge));
        }
        if let Err(dropped) = self.know(user, None).await? {
            return Ok(Done::Dropped(dropped));
        }
        Ok(match self.node.notify_unsaid(user, note).await? {
            Some(_) => Done::Carried,
            None => Done::Dropped(Dropped::UserUnknown),
        })
    }

    fn relay(&self, target: &Target, json: &Arc<str>) {
        self.node.publish(match target {
            Target::Room(room) => Happening::Room {
                room: room.clone(),
                event: RoomEvent::Relayed(Arc::clone(json)),
                except: None,
                trace: None,
            },
            Target::User(user) => Happening::User {
                user: user.clone(),
                event: UserEvent::Relayed(Arc::clone(json)),
            },
        });
    }

    /// Who wrote, as Charla has it; made known to the store where that is allowed.
    async fn author(
        &mut self,
        room: &RoomKey,
        person: &Person,
    ) -> Result<Result<Author, Dropped>, StoreError> {
        let Some(id) = &person.id else {
            // An id that no user of an application has, for names that nobody vouches for.
            let name = person.name.as_str();
            return Ok(name_id(name).map_or(Err(Dropped::Malformed), |id| {
                Ok(Author {
                    id,
                    name: name.into(),
                })
            }));
        };
        let key = UserKey {
            tenant: room.tenant.clone(),
            user: id.clone(),
        };
        let name = Some(person.name.as_str()).filter(|name| !name.is_empty());
        Ok(self.know(&key, name).await?.map(|()| Author {
            id: id.clone(),
            name: name.unwrap_or(id.as_str()).into(),
        }))
    }

    /// Has the store know somebody.
    async fn know(&mut self, key: &UserKey, name: Option<&str>) -> Result<Result<(), Dropped>, StoreError> {
        if self.known.contains(key) {
            return Ok(Ok(()));
        }
        if self.node.store.user(key).await?.is_none() {
            if !self.node.settings.auth.create_users {
                return Ok(Err(Dropped::UserUnknown));
            }
            let change = UserChange {
                name: name.map(str::to_owned),
                ..UserChange::default()
            };
            if self.node.store.put_user(key, change).await?.is_none() {
                return Ok(Err(Dropped::TenantUnknown));
            }
        }
        if self.known.len() == KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key.clone());
        Ok(Ok(()))
    }
}

/// The id of somebody whose name alone is known: `~Ana_María`.
fn name_id(name: &str) -> Option<UserId> {
    let mut id = String::from("~");
    for c in name.chars() {
        let c = if c.is_whitespace() || c.is_control() {
            '_'
        } else {
            c
        };
        if id.len() + c.len_utf8() > USER_ID_MAX {
            break;
        }
        id.push(c);
    }
    UserId::parse(&id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_an_id_that_no_user_has() {
        for (name, id) in [("Ana María", "~Ana_María"), ("", "~"), ("a\r\nb", "~a__b")] {
            assert_eq!(name_id(name).unwrap().as_str(), id);
        }
        assert!(name_id(&"ñ".repeat(200)).unwrap().as_str().len() <= USER_ID_MAX);
    }
}
