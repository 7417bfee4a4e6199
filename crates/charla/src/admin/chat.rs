//! `charla chat`

use std::sync::Arc;

use charla_core::{Author, RoomKey, UserKey};
use charla_server::store::Page;
use charla_wire::TenantId;
use serde_json::Value;

use super::{Office, chat_id, record, user_id};
use crate::args::{ChatArgs, ChatCommand, MembersCommand};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

pub(super) async fn run(wanted: ChatArgs, screen: &mut Screen) -> Outcome {
    let office = Office::open(&wanted.desk, false, screen).await?;
    let tenant = office.tenant().await?;
    let mut rooms = Rooms { office, tenant };
    match wanted.command {
        ChatCommand::Add { id, title, member } => rooms.add(&id, title.as_deref(), &member).await,
        ChatCommand::List { after, limit } => rooms.list(after.as_deref(), limit).await,
        ChatCommand::Show { id } => rooms.show(&id).await,
        ChatCommand::Close { id, reason, by } => {
            rooms
                .close(&id, reason.as_deref(), by.as_deref().unwrap_or(OPERATOR))
                .await
        }
        ChatCommand::Reopen { id } => rooms.reopen(&id).await,
        ChatCommand::Members(MembersCommand::Add { id, user }) => rooms.add_members(&id, &user).await,
        ChatCommand::Members(MembersCommand::Remove { id, user }) => rooms.remove_members(&id, &user).await,
        ChatCommand::Members(MembersCommand::List { id }) => rooms.members(&id).await,
        ChatCommand::History { id, before, limit } => rooms.history(&id, before, limit).await,
    }
}

/// Who closes a chat, if nobody is named.
const OPERATOR: &str = "operator";

/// A tenant's chats.
struct Rooms<'s> {
    office: Office<'s>,
    tenant: TenantId,
}

impl Rooms<'_> {
    fn key(&self, id: &str) -> Result<RoomKey, Failure> {
        Ok(RoomKey {
            tenant: self.tenant.clone(),
            chat: chat_id(id, self.office.screen)?,
        })
    }

    fn unknown(&self, id: &str) -> Failure {
        Failure::failed(words::no_chat(self.office.screen.lang, id, &self.tenant))
    }

    async fn add(&mut self, id: &str, title: Option<&str>, members: &[String]) -> Outcome {
        let key = self.key(id)?;
        let lang = self.office.screen.lang;
        let Some((chat, new)) = self.office.store.put_chat(&key, title).await? else {
            return Err(Failure::failed(words::no_tenant(lang, &self.tenant)));
        };
        for member in members {
            let user = user_id(member, self.office.screen)?;
            self.office.store.put_member(&key, &user).await?;
        }
        let sentence = if new {
            words::chat_added(lang, id, &self.tenant)
        } else {
            words::chat_kept(lang, id, &self.tenant)
        };
        self.office.done(sentence, &record::chat(&chat))
    }

    async fn list(&mut self, after: Option<&str>, limit: usize) -> Outcome {
        let after = after.map(|id| chat_id(id, self.office.screen)).transpose()?;
        let chats = self
            .office
            .store
            .chats(&self.tenant, after.as_ref(), limit)
            .await?;
        let chats: Vec<_> = chats.iter().map(record::chat).collect();
        self.office.list(
            &chats,
            &["chat", "title", "state", "seq", "customer", "created_at"],
        )?;
        Ok(Exit::Done)
    }

    async fn show(&mut self, id: &str) -> Outcome {
        let key = self.key(id)?;
        let chat = self
            .office
            .store
            .chat(&key)
            .await?
            .ok_or_else(|| self.unknown(id))?;
        let members = self.office.store.members(&key).await?;
        let members: Vec<_> = members.iter().map(record::member).collect();
        let mut shown = record::chat(&chat);
        if self.office.json {
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("members".into(), members.into());
            }
            self.office.screen.line(shown)?;
            return Ok(Exit::Done);
        }
        self.office.list(
            &[shown],
            &["chat", "title", "state", "seq", "customer", "created_at"],
        )?;
        self.office.screen.line("")?;
        self.office
            .list(&members, &["id", "name", "read_seq", "joined_at"])?;
        Ok(Exit::Done)
    }

    async fn close(&mut self, id: &str, reason: Option<&str>, by: &str) -> Outcome {
        let key = self.key(id)?;
        let by = user_id(by, self.office.screen)?;
        let closer = UserKey {
            tenant: self.tenant.clone(),
            user: by.clone(),
        };
        let known = self.office.store.user(&closer).await?;
        let name = known.map_or_else(|| Arc::from(by.as_str()), |user| user.name);
        let by = Author { id: by, name };
        let closed = self.office.store.close_chat(&key, &by, reason).await?;
        let (chat, now) = closed.ok_or_else(|| self.unknown(id))?;
        let lang = self.office.screen.lang;
        let sentence = if now {
            words::chat_closed(lang, id)
        } else {
            words::chat_closed_before(lang, id)
        };
        self.office.done(sentence, &record::chat(&chat))
    }

    async fn reopen(&mut self, id: &str) -> Outcome {
        let key = self.key(id)?;
        let opened = self.office.store.reopen_chat(&key).await?;
        let (chat, now) = opened.ok_or_else(|| self.unknown(id))?;
        let lang = self.office.screen.lang;
        let sentence = if now {
            words::chat_reopened(lang, id)
        } else {
            words::chat_open_before(lang, id)
        };
        self.office.done(sentence, &record::chat(&chat))
    }

    async fn members(&mut self, id: &str) -> Outcome {
        let key = self.key(id)?;
        if self.office.store.chat(&key).await?.is_none() {
            return Err(self.unknown(id));
        }
        let members = self.office.store.members(&key).await?;
        let members: Vec<_> = members.iter().map(record::member).collect();
        self.office
            .list(&members, &["id", "name", "read_seq", "joined_at"])?;
        Ok(Exit::Done)
    }

    async fn add_members(&mut self, id: &str, users: &[String]) -> Outcome {
        let key = self.key(id)?;
        for user in users {
            let user = user_id(user, self.office.screen)?;
            let added = self.office.store.put_member(&key, &user).await?;
            let new = added.ok_or_else(|| self.unknown(id))?;
            let lang = self.office.screen.lang;
            let sentence = if new {
                words::member_added(lang, &user, id)
            } else {
                words::member_before(lang, &user, id)
            };
            self.office.screen.note(sentence);
        }
        self.members(id).await
    }

    async fn remove_members(&mut self, id: &str, users: &[String]) -> Outcome {
        let key = self.key(id)?;
        for user in users {
            let user = user_id(user, self.office.screen)?;
            let lang = self.office.screen.lang;
            let sentence = if self.office.store.remove_member(&key, &user).await? {
                words::member_removed(lang, &user, id)
            } else {
                words::member_never(lang, &user, id)
            };
            self.office.screen.note(sentence);
        }
        self.members(id).await
    }

    async fn history(&mut self, id: &str, before: Option<u64>, limit: usize) -> Outcome {
        let key = self.key(id)?;
        if self.office.store.chat(&key).await?.is_none() {
            return Err(self.unknown(id));
        }
        let page = before.map_or(Page::Latest, Page::Before);
        let messages = self.office.store.messages(&key, page, limit).await?;
        if self.office.json {
            let records: Vec<Value> = messages.iter().map(record::message).collect();
            self.office.screen.line(Value::from(records))?;
            return Ok(Exit::Done);
        }
        for stored in &messages {
            let said = if stored.deleted {
                words::deleted_text(self.office.screen.lang)
            } else {
                plain(&stored.draft.text)
            };
            let author = plain(&stored.draft.author.name);
            self.office.screen.line(format_args!(
                "#{} {} {author}: {said}",
                stored.seq, stored.sent_at
            ))?;
        }
        Ok(Exit::Done)
    }
}
