//! What the application takes back before its time: [`Forgotten`] travels to every node, which drops the answers and asks again
//! for those who are in the room now.
//!
//! The rooms are a set of questions and no list of tasks: however often something is forgotten, there are no more of them than
//! people in rooms. While the authority does not answer they stay, and are asked when it does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use charla_core::Role;
use charla_wire::{Cause, ChatId, TenantId, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::mirror::cause;
use super::{Authority, Question, Verdict, key};
use crate::connection::Connection;
use crate::node::Node;

/// While the authority does not answer, those who are in a room are asked about this often.
const AGAIN: Duration = Duration::from_secs(1);

/// Answers that count no more: all of a tenant's, or those about a user, a chat, or a user in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Whose.
    pub tenant: TenantId,
    /// About whom; all if absent.
    pub user: Option<UserId>,
    /// About which chat; all if absent.
    pub chat: Option<ChatId>,
}

impl Forgotten {
    /// Whether a question is among them. Who a user is hangs on no chat, so it is asked again with any.
    pub(super) fn is_about(&self, question: &Question) -> bool {
        let same_chat = |chat: &ChatId| question.chat.as_ref().is_none_or(|asked| asked == chat);
        self.tenant == question.user.tenant
            && self.user.as_ref().is_none_or(|user| *user == question.user.user)
            && self.chat.as_ref().is_none_or(same_chat)
    }

    fn concerns(&self, connection: &Connection) -> bool {
        let who = &connection.opening.visitor.key;
        self.tenant == who.tenant && self.user.as_ref().is_none_or(|user| *user == who.user)
    }
}

/// Who is asked about again. Bounded by who is connected, and where.
#[derive(Debug, Default)]
pub(super) struct Recheck {
    due: Mutex<BTreeSet<(TenantId, UserId, Option<ChatId>)>>,
    more: Notify,
}

impl Node {
    /// Drops the answers on every node, and asks again about whoever is in those rooms.
    pub(crate) fn forget_answers(&self, forgotten: Forgotten) {
        self.publish(crate::happening::Happening::Forget(forgotten));
    }

    /// Another node said so, or this one.
    pub(crate) fn hear_forgotten(&self, forgotten: &Forgotten) {
        if self.authority.is_builtin() {
            return;
        }
        self.authority.forget(forgotten);
        let recheck = &self.authority.recheck;
        for connection in self.users.all(|connection| forgotten.concerns(connection)) {
            let who = &connection.opening.visitor.key;
            let wanted = |chat: &ChatId| forgotten.chat.as_ref().is_none_or(|only| only == chat);
            let chats = connection.chats().into_iter().filter(wanted).map(Some);
            // Without a chat there is nothing but the role to lose.
            let lobby = (forgotten.chat.is_none() && connection.opening.home.is_none()).then_some(None);
            let mut due = recheck.due.lock();
            due.extend(
                chats
                    .chain(lobby)
                    .map(|chat| (who.tenant.clone(), who.user.clone(), chat)),
            );
        }
        recheck.more.notify_one();
    }

    async fn look_again(&self, question: &Question) -> Result<(), String> {
        let listens = |connection: &Arc<Connection>| {
            let chat = question.chat.as_ref();
            chat.is_none_or(|chat| connection.listens_to(chat))
        };
        let mut present = self.users.connections(&question.user);
        present.retain(listens);
        if present.is_empty() {
            return Ok(());
        }
        let answer = self.authority.ask(question).await;
        let answer = answer.map_err(|unavailable| unavailable.detail.to_owned())?;
        if answer.role != Role::Agent {
            let staff = |connection: &&Arc<Connection>| connection.opening.visitor.role == Role::Agent;
            for connection in present.iter().filter(staff) {
                connection.close(Cause::TokenRevoked, "the role changed");
            }
        }
        let (Some(chat), true) = (&question.chat, answer.verdict != Verdict::Allow) else {
            return Ok(());
        };
        let room = charla_core::RoomKey {
            tenant: question.user.tenant.clone(),
            chat: chat.clone(),
        };
        let removed = self.store.remove_member(&room, &question.user.user).await;
        removed.map_err(|error| error.to_string())?;
        for connection in present {
            connection.expel(chat, cause(answer.verdict));
        }
        Ok(())
    }
}

/// Asks about those who are in a room whose answers were forgotten, for as long as the node lives.
pub(crate) async fn ask_again(node: Arc<Node>) {
    let recheck = &node.authority.recheck;
    loop {
        let next = recheck.due.lock().pop_first();
        let Some((tenant, user, chat)) = next else {
            recheck.more.notified().await;
            continue;
        };
        let question = Authority::question(&key(&tenant, &user), chat.as_ref());
        if let Err(error) = node.look_again(&question).await {
            tracing::debug!(error, "who is in a room could not be asked about again yet");
            recheck.due.lock().insert((tenant, user, chat));
            tokio::time::sleep(AGAIN).await;
        }
    }
}
