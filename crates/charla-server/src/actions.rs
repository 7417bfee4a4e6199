//! What the server can be asked to do, whoever asks: a client's frame, the REST interface, the command line.
//! Each writes to the store first and tells everybody second.

use charla_core::{Author, CanEnter, Draft, Millis, RoomKey, Seq, UserKey};
use charla_wire::{Cause, ChatId, TenantId, Timestamp, UserId};
use tokio::sync::oneshot;

use crate::auth::Refusal;
use crate::bridge::Said;
use crate::happening::{Happening, RoomEvent, UserEvent};
use crate::node::Node;
use crate::publish::{Entry, Receipt};
use crate::store::{
    AppendError, Appended, Changed, Chat, Notification, StoreError, User, UserChange, UserState,
};
use crate::telemetry::Span;

impl Node {
    /// Stores and publishes a message.
    ///
    /// # Errors
    /// Why it was not stored.
    pub async fn post(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.post_of(draft, None).await
    }

    /// The same, of a recorded request.
    ///
    /// # Errors
    /// Why it was not stored.
    pub(crate) async fn post_of(&self, draft: Draft, span: Option<Span>) -> Result<Appended, AppendError> {
        let (waiter, outcome) = oneshot::channel();
        let stopped = || AppendError::Unavailable("the writer has stopped".into());
        let entry = Entry {
            draft,
            receipt: Receipt::Waiter(waiter).traced(span),
        };
        self.store
            .append(entry)
            .map_err(|error| AppendError::Unavailable(error.to_string()))?;
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Gives a message other words, as the grant's person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn edit(&self, grant: &CanEnter, seq: Seq, text: &str) -> Result<Changed, StoreError> {
        let (room, by) = (grant.room(), grant.author());
        let changed = self
            .store
            .edit(room, seq, &by.id, grant.changes_any(), text)
            .await?;
        if let Changed::Done { rev, message } = &changed {
            let event = RoomEvent::Edited {
                message: message.clone(),
                rev: *rev,
                by: by.clone(),
            };
            self.tell_room(room, event, None);
            self.tell_channels(|| Said::Edited(message.clone()));
        }
        Ok(changed)
    }

    /// Takes a message back, as the grant's person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, grant: &CanEnter, seq: Seq) -> Result<Changed, StoreError> {
        let (room, by) = (grant.room(), grant.author());
        let changed = self.store.delete(room, seq, &by.id, grant.changes_any()).await?;
        if let Changed::Done { rev, .. } = &changed {
            let event = RoomEvent::Deleted {
                seq,
                rev: *rev,
                at: (self.clock)(),
                by: by.clone(),
            };
            self.tell_room(room, event, None);
            self.wake_attachments();
            let room = room.clone();
            self.tell_channels(|| Said::Deleted { room, seq });
        }
        Ok(changed)
    }

    /// Moves a read marker forward.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn mark_read(&self, grant: &CanEnter, seq: Seq) -> Result<(), StoreError> {
        let (room, by) = (grant.room(), grant.author());
        if let Some(seq) = self.store.mark_read(room, &by.id, seq).await? {
            let event = RoomEvent::Read { by: by.clone(), seq };
            self.tell_room(room, event, None);
        }
        Ok(())
    }

    /// Closes a chat: nobody can send until it is opened again. `None` when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_chat(
        &self,
        room: &RoomKey,
        by: &Author,
        reason: Option<&str>,
    ) -> Result<Option<Chat>, StoreError> {
        let closed = self.close_chat_unsaid(room, by, reason).await?;
        if let Some((_, true)) = &closed {
            let (room, by, reason) = (room.clone(), by.clone(), reason.map(str::to_owned));
            self.tell_channels(|| Said::Closed { room, by, reason });
        }
        Ok(closed.map(|(chat, _)| chat))
    }

    /// The same, without a word to Django Channels, which said so; and whether it was open.
    pub(crate) async fn close_chat_unsaid(
        &self,
        room: &RoomKey,
        by: &Author,
        reason: Option<&str>,
    ) -> Result<Option<(Chat, bool)>, StoreError> {
        let Some((chat, news)) = self.store.close_chat(room, by, reason).await? else {
            return Ok(None);
        };
        if let (true, Some(closed)) = (news, &chat.closed) {
            let event = RoomEvent::Closed {
                by: closed.by.clone(),
                at: closed.at,
                reason: closed.reason.clone(),
            };
            self.tell_room(room, event, None);
        }
        Ok(Some((chat, news)))
    }

    /// Opens a chat again. `None` when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reopen_chat(&self, room: &RoomKey, by: &Author) -> Result<Option<Chat>, StoreError> {
        let Some((chat, news)) = self.store.reopen_chat(room).await? else {
            return Ok(None);
        };
        if news {
            let event = RoomEvent::Reopened {
                by: by.clone(),
                at: (self.clock)(),
            };
            self.tell_room(room, event, None);
        }
        Ok(Some(chat))
    }

    /// Ends a membership; whoever listens as that person stops.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_member(&self, room: &RoomKey, user: &UserId) -> Result<bool, StoreError> {
        let was_one = self.store.remove_member(room, user).await?;
        let key = UserKey {
            tenant: room.tenant.clone(),
            user: user.clone(),
        };
        let is_agent = self
            .store
            .user(&key)
            .await?
            .is_some_and(|user| user.role == crate::store::Role::Agent);
        if !is_agent {
            self.disconnect(&key, Some(room.chat.clone()), Cause::NotAMember);
        }
        Ok(was_one)
    }

    /// Makes or changes a user; whoever is blocked or deleted by it is disconnected. `None` when there is no such tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_user(
        &self,
        key: &UserKey,
        change: UserChange,
    ) -> Result<Option<(User, bool)>, StoreError> {
        let logs_out = change.tokens_valid_from.is_some();
        let put = self.store.put_user(key, change).await?;
        if let Some((user, _)) = &put {
            match user.state {
                UserState::Blocked => self.disconnect(key, None, Cause::UserBlocked),
                UserState::Deleted => self.disconnect(key, None, Cause::TokenRevoked),
                UserState::Active if logs_out => self.disconnect(key, None, Cause::TokenRevoked),
                UserState::Active => {}
            }
        }
        Ok(put)
    }

    /// Ends a person's connections, all or those in one chat.
    pub fn disconnect(&self, user: &UserKey, chat: Option<ChatId>, cause: Cause) {
        self.publish(Happening::Disconnect {
            user: user.clone(),
            chat,
            cause,
        });
    }

    /// Refuses a token from now on, and ends the connections that came with it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke_token(&self, tenant: &TenantId, jti: &str, until: Timestamp) -> Result<(), Refusal> {
        self.auth.revoked.revoke(tenant, jti, until).await?;
        self.publish(Happening::TokenRevoked {
            tenant: tenant.clone(),
            jti: jti.to_owned(),
        });
        Ok(())
    }

    /// Stores a notification and shows it to the person where it is connected. `None` when there is no such user.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn notify(
        &self,
        user: &UserKey,
        notification: Notification,
    ) -> Result<Option<Notification>, StoreError> {
        let stored = self.notify_unsaid(user, notification).await?;
        if let Some(note) = &stored {
            let (user, note) = (user.clone(), Box::new(note.clone()));
            self.tell_channels(|| Said::Notification { user, note });
        }
        Ok(stored)
    }

    /// The same, without a word to Django Channels, which said so.
    pub(crate) async fn notify_unsaid(
        &self,
        user: &UserKey,
        notification: Notification,
    ) -> Result<Option<Notification>, StoreError> {
        let stored = self.store.notify(user, notification).await?;
        if let Some(notification) = &stored {
            let event = UserEvent::Notification(notification.clone());
            self.publish(Happening::User {
                user: user.clone(),
                event,
            });
        }
        Ok(stored)
    }

    /// When a token ends on the node's own clock, which does not jump with the time of day.
    #[must_use]
    pub fn token_end(&self, expires_at: Timestamp) -> Millis {
        let leeway = i64::try_from(self.settings.auth.leeway.as_millis()).unwrap_or(0);
        let left = expires_at.as_millis().saturating_add(leeway) - (self.clock)().as_millis();
        self.uptime.now() + u64::try_from(left).unwrap_or(0)
    }
}
