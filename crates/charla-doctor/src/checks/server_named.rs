//! Causes that only a Charla server knows and names by itself: in a preflight, an answer, a close frame, its log or its
//! browser client's report. One row each; nothing else can tell them.

use charla_wire::Cause;

use crate::checks::access::{named, not_named};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

macro_rules! family {
    ($($module:ident $cause:ident $step:ident)*) => {
        $(
            pub(super) mod $module {
                use super::{Cause, Check, Step};

                pub(in crate::checks) const CHECK: Check = Check {
                    cause: Cause::$cause,
                    step: Step::$step,
                    judge: |evidence| super::judge(evidence, Cause::$cause),
                };
            }
        )*
    };
}

family! {
    store_unavailable StoreUnavailable Server
    broker_unavailable BrokerUnavailable Server
    authority_unavailable AuthorityUnavailable Server
    bridge_unavailable BridgeUnavailable Server
    attachment_storage_unavailable AttachmentStorageUnavailable Server
    internal_error InternalError Server
    overloaded Overloaded Server
    going_away GoingAway Server
    restarting Restarting Server
    disconnected_by_operator DisconnectedByOperator Access
    session_replaced SessionReplaced Access
    ticket_invalid TicketInvalid Access
    session_invalid SessionInvalid Access
    token_user_mismatch TokenUserMismatch Access
    tenant_missing TenantMissing Access
    forbidden Forbidden Access
    too_many_connections TooManyConnections Access
    rate_limited RateLimited Access
    loop_detected LoopDetected Access
    frame_flood FrameFlood Access
    subscription_limit SubscriptionLimit Access
    chat_limit ChatLimit Access
    slow_consumer SlowConsumer Access
    heartbeat_timeout HeartbeatTimeout Access
    handshake_timeout HandshakeTimeout Access
    bad_request BadRequest Access
    message_too_long MessageTooLong Access
    attachments_off AttachmentsOff Access
    attachment_too_large AttachmentTooLarge Access
    attachment_type_refused AttachmentTypeRefused Access
    attachment_not_found AttachmentNotFound Access
    id_conflict IdConflict Access
    history_refused HistoryRefused Access
    not_subscribed NotSubscribed Access
    message_not_found MessageNotFound Access
    edit_forbidden EditForbidden Access
    websocket_version WebsocketVersion Access
    login_failed LoginFailed Access
    refresh_invalid RefreshInvalid Access
    refresh_reused RefreshReused Access
    webhooks_full WebhooksFull Server
}

fn judge(evidence: &Evidence, cause: Cause) -> Outcome {
    if let Some(finding) = named(evidence, cause) {
        return Outcome::Fail(finding);
    }
    let id = cause.id();
    let ready = evidence.charla.as_ref().and_then(|charla| charla.ready.as_ref());
    let Some((status, body)) = ready.filter(|(_, body)| body.contains(id)) else {
        return not_named(evidence);
    };
    let fact = Fact {
        what: both!("the server's own /readyz", "/readyz del propio servidor"),
        quote: Some(format!("HTTP {status}: {}", body.trim_end())),
        at: evidence.target.as_ref().map(|target| target.host.clone()),
    };
    // A node without its broker goes on, slower.
    if *status == 200 {
        return Outcome::Warn(Finding::certain(
            both!("The server goes on without it, but says {id}.", "El servidor sigue sin ello, pero dice {id}."),
            vec![fact],
        ));
    }
    Outcome::Fail(Finding::certain(both!("The server says itself: {id}.", "Lo dice el propio servidor: {id}."), vec![fact]))
}
