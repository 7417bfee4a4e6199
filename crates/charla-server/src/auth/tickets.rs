//! One-time tickets: a short secret for the address bar, where a token would end up in logs.
//!
//! Only a ticket's SHA-256 is stored. It works once, for [`TICKET_LIFE`].

use std::sync::Arc;
use std::time::Duration;

use charla_wire::{Cause, ChatId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::identity::{Identity, Refusal};
use super::secret::{Secret, digest};
use crate::store::{Role, Store};

/// From issue to use: a page asks for one and connects at once.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);

/// Issues and redeems tickets.
pub struct Tickets {
    store: Arc<dyn Store>,
}

/// What a ticket was good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketGrant {
    /// Who asked for it.
    pub identity: Identity,
    /// The only chat it opens, if it was asked for one.
    pub chat: Option<ChatId>,
}

/// A grant as stored.
#[derive(Serialize, Deserialize)]
struct Row {
    tenant: Option<TenantId>,
    user: UserId,
    name: Option<String>,
    role: Option<String>,
    issued_at: Option<i64>,
    expires_at: i64,
    jti: Option<String>,
    #[serde(default)]
    password_claim: Option<String>,
    #[serde(default)]
    session: bool,
    builtin: bool,
    chat: Option<ChatId>,
    until: i64,
}

impl Tickets {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Makes a ticket for whoever bears a valid token; its text is nowhere else.
    ///
    /// # Errors
    /// The store's.
    pub async fn issue(
        &self,
        identity: &Identity,
        chat: Option<&ChatId>,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let life = i64::try_from(TICKET_LIFE.as_millis()).unwrap_or(i64::MAX);
        let until = now.plus_millis(life);
        let row = Row {
            tenant: identity.tenant.clone(),
            user: identity.user.clone(),
            name: identity.name.clone(),
            role: identity.role.map(|role| role.as_str().to_owned()),
            issued_at: identity.issued_at.map(Timestamp::as_millis),
            expires_at: identity.expires_at.as_millis(),
            jti: identity.jti.clone(),
            password_claim: identity.password_claim.clone(),
            session: identity.session,
            builtin: identity.builtin,
            chat: chat.cloned(),
            until: until.as_millis(),
        };
        let grant = serde_json::to_string(&row).map_err(|_| unusable())?;
        let ticket = Secret::random().ok_or_else(unusable)?;
        self.store
            .put_ticket(&digest(ticket.as_str()), &grant, until)
            .await?;
        Ok(ticket.into_text())
    }

    /// Spends a ticket.
    ///
    /// # Errors
    /// `ticket_invalid` when it is unknown, used or too old; the store's.
    pub async fn redeem(&self, ticket: &str, now: Timestamp) -> Result<TicketGrant, Refusal> {
        if !Secret::has_shape(ticket) {
            return Err(invalid());
        }
        read(self.store.take_ticket(&digest(ticket)).await?, now)
    }

    /// What [`Tickets::redeem`] would say, the ticket left as it is.
    ///
    /// # Errors
    /// As when it is spent.
    pub async fn look_at(&self, ticket: &str, now: Timestamp) -> Result<TicketGrant, Refusal> {
        if !Secret::has_shape(ticket) {
            return Err(invalid());
        }
        read(self.store.ticket(&digest(ticket)).await?, now)
    }
}

fn read(grant: Option<String>, now: Timestamp) -> Result<TicketGrant, Refusal> {
    let row: Row = serde_json::from_str(&grant.ok_or_else(invalid)?).map_err(|_| unusable())?;
    if now >= Timestamp::from_millis(row.until) || now >= Timestamp::from_millis(row.expires_at) {
        return Err(invalid());
    }
    Ok(TicketGrant {
        identity: Identity {
            tenant: row.tenant,
            user: row.user,
            name: row.name,
            role: match row.role.as_deref() {
                Some("agent") => Some(Role::Agent),
                Some("member") => Some(Role::Member),
                Some(_) | None => None,
            },
            issued_at: row.issued_at.map(Timestamp::from_millis),
            expires_at: Timestamp::from_millis(row.expires_at),
            jti: row.jti,
            password_claim: row.password_claim,
            session: row.session,
            builtin: row.builtin,
        },
        chat: row.chat,
    })
}

fn invalid() -> Refusal {
    Refusal::new(Cause::TicketInvalid, "the ticket is unknown, used or too old")
}

fn unusable() -> Refusal {
    Refusal::new(Cause::InternalError, "a ticket could not be written or read")
}
