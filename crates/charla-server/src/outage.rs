//! After the bus was away: whoever was shut out on another node meanwhile is sent away here too.
//!
//! Those words are not repeated, and they may not be lost. The store has what they said: it is asked about everybody
//! who is connected, one after the other.

use std::sync::Arc;

use charla_wire::{Cause, ChatId};

use crate::connection::Connection;
use crate::join::check_user;
use crate::node::Node;
use crate::store::{Role, StoreError};

/// Looks through the connections each time that words may have been lost, for as long as the node lives.
pub(crate) async fn send_away_after_outages(node: Arc<Node>) {
    loop {
        node.words_lost.notified().await;
        // What was to be forgotten may be among them.
        node.authority.forget_all();
        for connection in node.users.all(|_| true) {
            if let Err(error) = look_at(&node, &connection).await {
                // Without a store nothing can be changed there either; tokens end all the same.
                tracing::warn!(%error, "the store did not tell who may stay");
                break;
            }
        }
    }
}

async fn look_at(node: &Node, connection: &Connection) -> Result<(), StoreError> {
    let chats = connection.chats();
    if chats.is_empty() {
        return look_at_person(node, connection, None).await;
    }
    for chat in &chats {
        look_at_person(node, connection, Some(chat)).await?;
    }
    Ok(())
}

async fn look_at_person(
    node: &Node,
    connection: &Connection,
    chat: Option<&ChatId>,
) -> Result<(), StoreError> {
    let opening = &connection.opening;
    let standing = node.store.standing(&opening.visitor.key, chat).await?;
    let signed_out = standing
        .user
        .as_ref()
        .is_some_and(|user| opening.since < user.tokens_valid_from);
    match check_user(&standing) {
        Err(cause) => connection.close(cause, ""),
        Ok(()) if signed_out => connection.close(Cause::TokenRevoked, ""),
        Ok(()) => {}
    }
    if let Some(chat) = chat
        && !standing.member
        && opening.visitor.role != Role::Agent
    {
        connection.expel(chat, Cause::NotAMember);
    }
    Ok(())
}
