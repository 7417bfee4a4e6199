//! `charla user`

use std::sync::Arc;

use charla_core::UserKey;
use charla_server::personal;
use charla_server::store::care::Words;
use charla_server::store::{Role, UserChange, UserState, backup};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Office, record, user_id};
use crate::args::{Password, RoleWord, UserArgs, UserCommand};
use crate::connect::first_line;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

/// Lines of an export that wait to be printed.
const LINES_WAITING: usize = 64;
/// Chats that `show` lists.
const CHATS_SHOWN: usize = 100;

pub(super) async fn run(wanted: UserArgs, screen: &mut Screen) -> Outcome {
    let office = Office::open(&wanted.desk, false, screen).await?;
    let tenant = office.tenant().await?;
    let mut register = Register { office, tenant };
    match wanted.command {
        UserCommand::Add {
            id,
            name,
            role,
            password,
        } => register.add(&id, name, role, &password).await,
        UserCommand::List { after, limit } => register.list(after.as_deref(), limit).await,
        UserCommand::Show { id } => register.show(&id).await,
        UserCommand::Password { id, password } => register.password(&id, &password).await,
        UserCommand::Block { id } => register.state(&id, UserState::Blocked).await,
        UserCommand::Unblock { id } => register.state(&id, UserState::Active).await,
        UserCommand::Remove { id } => register.state(&id, UserState::Deleted).await,
        UserCommand::SignOut { id } => register.sign_out(&id).await,
        UserCommand::Export { id } => register.export(&id).await,
        UserCommand::Erase { id, keep_texts } => {
            let settings = register.office.settings.store.clone();
            let done = register.erase(&id, keep_texts).await?;
            // The store must be let go of before it is written anew.
            register.office.store.close().await?;
            drop(register);
            if settings.url.is_none() {
                backup::compact(&settings)?;
            }
            Ok(done)
        }
    }
}

/// A tenant's users.
struct Register<'s> {
    office: Office<'s>,
    tenant: charla_wire::TenantId,
}

impl Register<'_> {
    fn key(&self, id: &str) -> Result<UserKey, Failure> {
        Ok(UserKey {
            tenant: self.tenant.clone(),
            user: user_id(id, self.office.screen)?,
        })
    }

    fn unknown(&self, id: &str) -> Failure {
        Failure::failed(words::no_user(self.office.screen.lang, id, &self.tenant))
    }

    async fn add(
        &mut self,
        id: &str,
        name: Option<String>,
        role: Option<RoleWord>,
        password: &Password,
    ) -> Outcome {
        let key = self.key(id)?;
        let known = self.office.store.user(&key).await?.is_some();
        let mut password = asked(password)?;
        let mut hash = None;
        if !known && let Some(password) = password.take() {
            hash = Some(
                self.office
                    .auth()
                    .await?
                    .accounts
                    .hash_password(password.into())
                    .await?,
            );
        }
        let change = UserChange {
            name,
            role: role.map(|role| match role {
                RoleWord::Member => Role::Member,
                RoleWord::Agent => Role::Agent,
            }),
            password: hash,
            ..UserChange::default()
        };
        let Some((user, new)) = self.office.store.put_user(&key, change).await? else {
            return Err(Failure::failed(words::no_tenant(
                self.office.screen.lang,
                &self.tenant,
            )));
        };
        if let Some(password) = password {
            // Another password for somebody known ends the tokens of the one before.
            let auth = self.office.auth().await?;
            auth.accounts
                .set_password(&key, password.into(), auth.now())
                .await?;
        }
        let lang = self.office.screen.lang;
        let sentence = if new {
            words::user_added(lang, id, &self.tenant)
        } else {
            words::user_changed(lang, id, &self.tenant)
        };
        self.office.done(sentence, &record::user(&user))
    }

    async fn list(&mut self, after: Option<&str>, limit: usize) -> Outcome {
        let after = after.map(|id| user_id(id, self.office.screen)).transpose()?;
        let users = self
            .office
            .store
            .users(&self.tenant, after.as_ref(), limit)
            .await?;
        let users: Vec<_> = users.iter().map(record::user).collect();
        self.office.list(
            &users,
            &["id", "name", "role", "state", "has_password", "created_at"],
        )?;
        Ok(Exit::Done)
    }

    async fn show(&mut self, id: &str) -> Outcome {
        let key = self.key(id)?;
        let user = self
            .office
            .store
            .user(&key)
            .await?
            .ok_or_else(|| self.unknown(id))?;
        let every = user.role == Role::Agent;
        let inbox = self.office.store.inbox(&key, every, CHATS_SHOWN).await?;
        let chats: Vec<_> = inbox.iter().map(record::inbox).collect();
        let mut shown = record::user(&user);
        if self.office.json {
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("chats".into(), chats.into());
            }
            self.office.screen.line(shown)?;
            return Ok(Exit::Done);
        }
        self.office.list(
            &[shown],
            &["id", "name", "role", "state", "has_password", "created_at"],
        )?;
        self.office.screen.line("")?;
        self.office
            .list(&chats, &["chat", "title", "state", "seq", "unread"])?;
        Ok(Exit::Done)
    }

    async fn password(&mut self, id: &str, password: &Password) -> Outcome {
        let key = self.key(id)?;
        let lang = self.office.screen.lang;
        let password = asked(password)?.ok_or_else(|| Failure::usage(words::wants_password(lang)))?;
        let auth = self.office.auth().await?;
        if !auth
            .accounts
            .set_password(&key, password.into(), auth.now())
            .await?
        {
            return Err(self.unknown(id));
        }
        self.changed(&key, words::password_changed(lang, plain(id))).await
    }

    async fn sign_out(&mut self, id: &str) -> Outcome {
        let key = self.key(id)?;
        let auth = self.office.auth().await?;
        if !auth.accounts.sign_out_everywhere(&key, auth.now()).await? {
            return Err(self.unknown(id));
        }
        let sentence = words::user_signed_out(self.office.screen.lang, id);
        self.changed(&key, sentence).await
    }

    async fn export(&mut self, id: &str) -> Outcome {
        let key = self.key(id)?;
        let store = Arc::clone(&self.office.store);
        let (sink, lines) = mpsc::channel(LINES_WAITING);
        // Gone at the end: then the printing ends as well.
        let read = async move { personal::export(&*store, &key, &sink).await };
        let screen = &mut *self.office.screen;
        let printed = async {
            // Gone at an error: then the reading ends as well.
            let mut lines = lines;
            while let Some(line) = lines.recv().await {
                screen.line(line)?;
            }
            Ok::<_, Failure>(())
        };
        let (known, printed) = tokio::join!(read, printed);
        printed?;
        if known? {
            Ok(Exit::Done)
        } else {
            Err(self.unknown(id))
        }
    }

    async fn erase(&mut self, id: &str, keep_texts: bool) -> Outcome {
        let key = self.key(id)?;
        let words = if keep_texts { Words::Stay } else { Words::Go };
        let erased = personal::erase(&*self.office.store, &key, words, &mut |_, _, _| {}).await?;
        let erased = erased.ok_or_else(|| self.unknown(id))?;
        let sentence = words::backup::erased(self.office.screen.lang, &erased.alias, erased.messages);
        let record = json!({"alias": erased.alias, "messages": erased.messages});
        self.office.done(sentence, &record)
    }

    async fn state(&mut self, id: &str, state: UserState) -> Outcome {
        let key = self.key(id)?;
        if self.office.store.user(&key).await?.is_none() {
            return Err(self.unknown(id));
        }
        let change = UserChange {
            state: Some(state),
            ..UserChange::default()
        };
        self.office.store.put_user(&key, change).await?;
        let lang = self.office.screen.lang;
        let sentence = match state {
            UserState::Active => words::user_unblocked(lang, id),
            UserState::Blocked => words::user_blocked(lang, id),
            UserState::Deleted => words::user_removed(lang, id),
        };
        self.changed(&key, sentence).await
    }

    async fn changed(&mut self, key: &UserKey, sentence: String) -> Outcome {
        let user = self.office.store.user(key).await?;
        let record = user.as_ref().map(record::user).unwrap_or_default();
        self.office.done(sentence, &record)
    }
}

/// The password that was given, if one was.
pub(super) fn asked(password: &Password) -> Result<Option<String>, Failure> {
    if password.password_stdin {
        return Ok(Some(first_line()?));
    }
    Ok(password.password.clone())
}
