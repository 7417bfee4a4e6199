//! Who may pass: the gates in order, each with its own cause.
//!
//! Limits, origin, token, tenant, chat, membership, store. The first that says no decides.

use std::net::IpAddr;
use std::sync::Arc;

use charla_core::UserKey;
use charla_core::grant::{self, Door, Visitor};
use charla_wire::{Cause, ChatId, TenantId, Timestamp};
use http::header;
use http::request::Parts;

use super::asked::{Asked, Credential};
use super::refused::Refused;
use crate::admission::Place;
use crate::auth::Identity;
use crate::join::{as_known, check_user};
use crate::limits::counted;
use crate::loops::{self, Fingerprint, Keys};
use crate::node::Node;
use crate::store::{Role, Standing, UserChange};

/// Somebody who passed every gate.
#[derive(Debug)]
pub struct Admitted {
    /// Whom for.
    pub visitor: Visitor,
    /// The chat of the address.
    pub chat: Option<ChatId>,
    /// When the token runs out.
    pub expires_at: Timestamp,
    /// The token's `jti`.
    pub token_id: Option<String>,
    /// The counted place.
    pub place: Place,
    /// Where from.
    pub address: IpAddr,
    /// What its conduct is counted under.
    pub conduct: Option<Fingerprint>,
}

/// What somebody at the gates is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// To come in.
    Enter,
    /// To know whether one could: nothing is spent.
    Ask,
}

/// Leads a request through all gates.
///
/// # Errors
/// The first gate that says no, and when to come back if that may help.
pub(super) async fn pass(
    node: &Arc<Node>,
    parts: &Parts,
    asked: &Asked,
    errand: Errand,
    address: IpAddr,
) -> Result<Admitted, Refused> {
    let origin = parts
        .headers
        .get(header::ORIGIN)
        .map(header::HeaderValue::as_bytes);
    let keys = node.loops.keys(asked, origin, address);
    if let Some(keys) = &keys
        && !node.is_draining()
    {
        check_loop(node, keys)?;
    }
    let verdict = gate_by_gate(node, parts, asked, errand, address).await;
    if let Some(keys) = &keys {
        node.note_verdict(keys, asked, &verdict).await;
    }
    match verdict {
        Ok(admitted) => Ok(Admitted {
            conduct: keys.as_ref().and_then(Keys::conduct),
            ..admitted
        }),
        Err(refused) => Err(Refused {
            detail: node
                .returns
                .detail_after(refused.cause, refused.wait.unwrap_or(0), &refused.detail),
            ..refused
        }),
    }
}

/// Whoever was refused the same too often is answered before anything is looked at again.
fn check_loop(node: &Node, keys: &Keys) -> Result<(), Refused> {
    node.loops.knock(keys, node.uptime.now()).map_err(|held| {
        node.metrics.refusals_saved.inc();
        Refused::new(Cause::LoopDetected, loops::detail(&held))
    })
}

async fn gate_by_gate(
    node: &Arc<Node>,
    parts: &Parts,
    asked: &Asked,
    errand: Errand,
    address: IpAddr,
) -> Result<Admitted, Refused> {
    if node.is_draining() {
        return Err(Refused::new(Cause::Restarting, ""));
    }
    let limits = node.limits.all();
    let (shares, now) = (&node.limits.shares, node.uptime.now());
    if errand == Errand::Enter {
        let pace = shares.connect_from(counted(address), &limits.settings, now);
        pace.map_err(|wait| Refused::too_fast(node, None, wait))?;
    }
    let mut place = node
        .admission
        .enter(address, &limits.settings)
        .map_err(|full| Refused::full(node, None, full))?;
    check_origin(node, parts, address)?;
    if matches!(asked.credential, Credential::Session(_)) {
        check_page(node, parts)?;
    }
    let (identity, chat) = identify(node, asked, errand).await?;
    let tenant = choose_tenant(node, asked.tenant.as_ref(), asked.chat.is_some(), &identity)?;
    let known = |refused: Refused| Refused {
        tenant: Some(tenant.clone()),
        user: Some(identity.user.clone()),
        ..refused
    };
    node.auth
        .check_taken_back(&identity, &tenant)
        .await
        .map_err(|refusal| known(refusal.into()))?;
    let key = UserKey {
        tenant: tenant.clone(),
        user: identity.user.clone(),
    };
    let limits = node.limits.of(&tenant);
    if errand == Errand::Enter {
        let pace = shares.connect_as(&key, &limits.settings, now);
        pace.map_err(|wait| known(Refused::too_fast(node, Some(&tenant), wait)))?;
    }
    place
        .of_user(&key, &limits.settings)
        .map_err(|full| known(Refused::full(node, Some(&tenant), full)))?;
    let visitor = enter(node, &identity, key, chat.as_ref()).await.map_err(known)?;
    Ok(Admitted {
        visitor,
        chat,
        expires_at: identity.expires_at,
        token_id: identity.jti,
        place,
        address,
        conduct: None,
    })
}

/// A page may connect from its own server and from the origins that are allowed.
fn check_origin(node: &Node, parts: &Parts, address: IpAddr) -> Result<(), Refused> {
    let settings = &node.settings.origins;
    let Some(origin) = parts.headers.get(header::ORIGIN) else {
        return if settings.allow_missing {
            Ok(())
        } else {
            Err(Refused::new(
                Cause::OriginForbidden,
                "a client without Origin is not allowed here",
            ))
        };
    };
    let origin = origin.to_str().unwrap_or("(not text)");
    if is_allowed_origin(node, parts, origin) {
        return Ok(());
    }
    tracing::debug!(%origin, %address, "origin refused");
    Err(Refused::new(
        Cause::OriginForbidden,
        format!("the origin {origin} is not in `origins.allow`"),
    ))
}

/// Browsers send a cookie along whichever page asks, so the page itself must be one that is meant: the server's own or one
/// listed by name. No word of a page is not enough, but for the browser's own that a page's plain `fetch` comes from here.
fn check_page(node: &Node, parts: &Parts) -> Result<(), Refused> {
    let word = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let meant = match parts.headers.get(header::ORIGIN) {
        Some(origin) => origin
            .to_str()
            .is_ok_and(|origin| is_named_origin(node, parts, origin)),
        None => word("sec-fetch-site") == Some("same-origin"),
    };
    if meant {
        return Ok(());
    }
    Err(Refused::new(
        Cause::OriginForbidden,
        "a session's cookie counts only from this server's pages and from those in `origins.allow` by name",
    ))
}

/// Whether host and port are this machine's, as seen from itself.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether pages of an origin may ask this server.
pub(crate) fn is_allowed_origin(node: &Node, parts: &Parts, origin: &str) -> bool {
    node.settings.origins.allow.iter().any(|allowed| allowed == "*") || is_named_origin(node, parts, origin)
}

/// The same without those that are allowed because all are.
fn is_named_origin(node: &Node, parts: &Parts, origin: &str) -> bool {
    let settings = &node.settings.origins;
    if settings
        .allow
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return true;
    }
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    if settings.allow_loopback && is_loopback(authority) {
        return true;
    }
    let own = node
        .settings
        .server
        .public_url
        .as_deref()
        .and_then(|url| url.split_once("://"));
    let own = own.map(|(_, rest)| rest.trim_end_matches('/'));
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    [own, host]
        .into_iter()
        .flatten()
        .any(|own| own.eq_ignore_ascii_case(authority))
}

/// Who bears a token, apart from any socket: the gates of token, tenant and user alone. `of_chat`: whether what
/// is asked for belongs to a chat.
///
/// # Errors
/// The first gate that says no.
pub(crate) async fn recognise(
    node: &Node,
    token: &str,
    tenant: Option<&TenantId>,
    of_chat: bool,
) -> Result<(Identity, Visitor), Refused> {
    let identity = node.auth.verify(token).await?;
    known(node, identity, tenant, of_chat).await
}

/// The same for who bears one of Django's sessions, from a page that may use it.
///
/// # Errors
/// The first gate that says no.
pub(crate) async fn recognise_session(
    node: &Node,
    parts: &Parts,
    session: &str,
    tenant: Option<&TenantId>,
    of_chat: bool,
) -> Result<(Identity, Visitor), Refused> {
    check_page(node, parts)?;
    let place = tenant.or(node.settings.server.default_tenant.as_ref());
    let identity = node.auth.session(place, session).await?;
    known(node, identity, tenant, of_chat).await
}

async fn known(
    node: &Node,
    identity: Identity,
    tenant: Option<&TenantId>,
    of_chat: bool,
) -> Result<(Identity, Visitor), Refused> {
    let tenant = choose_tenant(node, tenant, of_chat, &identity)?;
    node.auth.check_taken_back(&identity, &tenant).await?;
    let key = UserKey {
        tenant,
        user: identity.user.clone(),
    };
    let visitor = enter(node, &identity, key, None).await?;
    Ok((identity, visitor))
}

async fn identify(node: &Node, asked: &Asked, errand: Errand) -> Result<(Identity, Option<ChatId>), Refused> {
    match &asked.credential {
        Credential::None => Err(Refused::new(Cause::TokenMissing, "")),
        Credential::Token(token) => Ok((node.auth.verify(token).await?, asked.chat.clone())),
        Credential::Session(session) => {
            let tenant = asked
                .tenant
                .as_ref()
                .or(node.settings.server.default_tenant.as_ref());
            Ok((node.auth.session(tenant, session).await?, asked.chat.clone()))
        }
        Credential::Ticket(ticket) => {
            let (tickets, now) = (&node.auth.tickets, (node.clock)());
            let granted = match errand {
                Errand::Enter => tickets.redeem(ticket, now).await?,
                Errand::Ask => tickets.look_at(ticket, now).await?,
            };
            match (&granted.chat, &asked.chat) {
                (Some(meant), Some(wanted)) if meant != wanted => Err(Refused::new(
                    Cause::TicketInvalid,
                    "the ticket is for another chat",
                )),
                (Some(_), None) => Err(Refused::new(
                    Cause::TicketInvalid,
                    "the ticket is for one chat only",
                )),
                (Some(_) | None, _) => Ok((granted.identity, asked.chat.clone())),
            }
        }
    }
}

/// The tenant is the token's; the address may repeat it, or name it where the token does not.
fn choose_tenant(
    node: &Node,
    asked: Option<&TenantId>,
    of_chat: bool,
    identity: &Identity,
) -> Result<TenantId, Refused> {
    match (&identity.tenant, asked) {
        (Some(own), Some(other)) if own != other => {
            tracing::warn!(
                target: "charla::audit", tenant = %own, asked = %other, user = %identity.user,
                "a token of one tenant was shown to another"
            );
            // Whether the other tenant has such a chat is none of this user's business.
            let cause = if of_chat {
                Cause::ChatNotFound
            } else {
                Cause::TenantForbidden
            };
            Err(Refused {
                tenant: Some(own.clone()),
                user: Some(identity.user.clone()),
                ..Refused::new(cause, "")
            })
        }
        (Some(tenant), _) | (None, Some(tenant)) => Ok(tenant.clone()),
        (None, None) => node.settings.server.default_tenant.clone().ok_or_else(|| {
            Refused::new(
                Cause::TenantMissing,
                "neither token nor address names a tenant: add ?tenant=",
            )
        }),
    }
}

/// Tenant, user, chat and membership, by the store or by whoever says what it has to say.
async fn enter(
    node: &Node,
    identity: &Identity,
    key: UserKey,
    chat: Option<&ChatId>,
) -> Result<Visitor, Refused> {
    let name = identity.name.as_deref();
    let known = node.standing(&key, chat, name).await;
    let known = known.map_err(|refusal| Refused::new(refusal.cause, refusal.detail))?;
    let standing = &known.standing;
    if standing.tenant.is_none() {
        return Err(Refused::new(Cause::TenantNotFound, ""));
    }
    check_user(standing).map_err(|cause| Refused::new(cause, ""))?;
    let visitor = meet(node, identity, key, standing).await?;
    let visitor = as_known(&visitor, known.role);
    if let Some(chat) = chat {
        let door = Door {
            chat_exists: standing.chat.is_some(),
            is_member: standing.member,
        };
        grant::enter(&visitor, chat, door).map_err(|cause| Refused::new(cause, ""))?;
    }
    Ok(visitor)
}

/// The person behind the token: as the store knows it, or made known to it.
async fn meet(
    node: &Node,
    identity: &Identity,
    key: UserKey,
    standing: &Standing,
) -> Result<Visitor, Refused> {
    if let Some(user) = &standing.user {
        if identity.issued_before(user.tokens_valid_from) {
            return Err(Refused::new(
                Cause::TokenRevoked,
                "issued before the user was signed out everywhere",
            ));
        }
        // What a foreign token says of its bearer is newer than what the store remembers.
        let role = identity.role.filter(|_| !identity.builtin).unwrap_or(user.role);
        return Ok(Visitor {
            key,
            name: Arc::clone(&user.name),
            role,
        });
    }
    if identity.builtin || !node.settings.auth.create_users {
        return Err(Refused::new(
            Cause::UserUnknown,
            "the token is good, but there is no such user here",
        ));
    }
    let change = UserChange {
        name: identity.name.clone(),
        role: identity.role,
        ..UserChange::default()
    };
    let Some((user, _)) = node.store.put_user(&key, change).await? else {
        return Err(Refused::new(Cause::TenantNotFound, ""));
    };
    Ok(Visitor {
        key,
        name: user.name,
        role: identity.role.unwrap_or(Role::Member),
    })
}

/// Where a request really comes from: the nearest address that is not one of our own proxies.
#[must_use]
pub fn client_address(node: &Node, parts: &Parts, peer: IpAddr) -> IpAddr {
    let is_ours = |address: &IpAddr| node.settings.server.trusts(address);
    if !is_ours(&peer) {
        return peer;
    }
    let forwarded = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        // What a proxy of ours did not write is hearsay.
        let Ok(address) = hop.trim().parse() else { break };
        nearest = address;
        if !is_ours(&address) {
            break;
        }
    }
    nearest
}
