//! The demo's people and their chat. Inviting them twice changes nothing.

use charla_core::{RoomKey, UserKey};
use charla_server::auth::TokenPair;
use charla_server::node::Node;
use charla_server::store::{Role, UserChange};
use charla_wire::{ChatId, TenantId, UserId};

use crate::exit::Failure;

/// The tenant.
pub(super) const TENANT: &str = "demo";
/// The chat.
pub(super) const CHAT: &str = "5";
const TITLE: &str = "Soporte";

/// Id and name, whether support staff. The password is the id.
const PEOPLE: [(&str, &str, bool); 3] = [
    ("ana", "Ana", false),
    ("luis", "Luis", false),
    ("sofia", "Sofía", true),
];

/// Somebody of the demo, signed in.
pub(super) struct Guest {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Support staff: no member, and yet let in.
    pub(super) agent: bool,
    pub(super) tokens: TokenPair,
}

/// Makes what is missing and signs everybody in.
pub(super) async fn invite(node: &Node) -> Result<Vec<Guest>, Failure> {
    let named = |error: charla_wire::IdError| Failure::failed(error.to_string());
    let tenant = TenantId::parse(TENANT).map_err(named)?;
    let room = RoomKey {
        tenant: tenant.clone(),
        chat: ChatId::parse(CHAT).map_err(named)?,
    };
    if node.store.tenant(&tenant).await?.is_none() {
        node.store.put_tenant(&tenant, "Demo").await?;
    }
    if node.store.chat(&room).await?.is_none() {
        node.store.put_chat(&room, Some(TITLE)).await?;
    }
    let mut guests = Vec::new();
    for (id, name, agent) in PEOPLE {
        let key = UserKey {
            tenant: tenant.clone(),
            user: UserId::parse(id).map_err(named)?,
        };
        let known = node.store.user(&key).await?;
        if known.is_none_or(|user| user.password.is_none()) {
            let change = UserChange {
                name: Some(name.into()),
                role: agent.then_some(Role::Agent),
                password: Some(node.auth.accounts.hash_password(id.into()).await?),
                ..UserChange::default()
            };
            node.store.put_user(&key, change).await?;
            if !agent {
                node.store.put_member(&room, &key.user).await?;
            }
        }
        let user = node.store.user(&key).await?;
        let user = user.ok_or_else(|| Failure::failed(format!("{key} is gone")))?;
        guests.push(Guest {
            id,
            name,
            agent,
            tokens: node.auth.accounts.issue_pair(user, node.auth.now()).await?,
        });
    }
    Ok(guests)
}
