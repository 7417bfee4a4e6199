//! Every cause that the doctor can tell, each in a file of its own: a row of data and a pure function.
//!
//! The registry's order is the order of precedence: of two verdicts of the same certainty the one further up is told, so
//! roots (a Redis that is down) stand before what they lead to (an exception, a 502). A check looks at nothing but
//! [`Evidence`], and only says what that proves.

use crate::evidence::Evidence;
use crate::verdict::Outcome;
use charla_wire::Cause;

/// A chapter of the report: the debug guide's five steps, then what nobody can do by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// 1. The server's process and its listener.
    Server,
    /// 2. Redis and the channel layer.
    Redis,
    /// 3. The logs.
    Logs,
    /// 4. The handshake, at every hop.
    Handshake,
    /// 5. nginx and other proxies.
    Proxy,
    /// The token, its user, the chat, the database.
    Access,
    /// Names and certificates.
    Names,
    /// The page and its browser.
    Page,
    /// The machine.
    Machine,
}

/// One cause that can be told.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The cause.
    pub cause: Cause,
    /// Its chapter.
    pub step: Step,
    /// Decides.
    pub judge: fn(&Evidence) -> Outcome,
}

mod access;
mod handshakes;
mod proxied;
mod redis_said;
mod serving;

/// Declares the modules and the registry in one list, in order of precedence; after each `;` a file that holds several.
macro_rules! registry {
    ($($module:ident)* $(; $family:ident: $($member:ident)*)*) => {
        $(mod $module;)*
        $(mod $family;)*

        /// All checks, roots first.
        pub const ALL: &[(&str, Check)] = &[
            $((stringify!($module), $module::CHECK),)*
            $($((stringify!($member), $family::$member::CHECK),)*)*
        ];
    };
}

registry! {
    // Nothing gets there.
    dns_failure
    server_unreachable
    tls_on_plain_port
    plain_on_tls_port
    tls_inspection
    tls_expired
    tls_wrong_host
    tls_self_signed
    tls_chain
    ipv6_path_dead
    // The server itself.
    out_of_memory_kill
    port_in_use
    server_startup_error
    server_wrong_port
    restart_loop
    server_killed
    server_frozen
    server_down
    descriptor_limit
    no_websocket_library
    not_asgi
    overloaded
    accept_queue_overflow
    event_loop_blocked
    server_restarting
    // What the application stands on.
    redis_wrong_address
    redis_down
    redis_frozen
    redis_auth
    redis_max_clients
    redis_loading
    redis_read_only
    redis_out_of_memory
    redis_cannot_persist
    redis_too_old
    redis_client_timeout
    channel_layer_missing
    channel_layer_mismatch
    channel_layer_in_memory
    redis_output_buffer
    redis_restarted
    redis_flushed
    channel_layer_full
    database_down
    database_schema_missing
    // The way.
    redirect_https
    redirect_slash
    uri_too_large
    header_too_large
    proxy_worker_connections
    proxy_rate_limited
    proxy_connections_limited
    proxy_upstream_permission
    proxy_upstream_wrong_port
    proxy_upstream_ipv6
    proxy_auth_required
    proxy_prefix_eaten
    proxy_wrong_location
    proxy_no_upgrade
    proxy_http2
    proxy_read_timeout
    proxy_reload
    proxy_http10
    // The application's routes.
    no_websocket_route
    route_not_found
    subprotocol_mismatch
    // Who may enter.
    token_missing
    token_not_encoded
    token_malformed
    token_expired
    token_not_yet_valid
    token_invalid
    token_revoked
    user_unknown
    user_inactive
    user_blocked
    origin_forbidden
    tenant_not_found
    tenant_forbidden
    chat_not_found
    not_a_member
    chat_closed
    ping_timeout
    balancer_idle_timeout
    // What is said where nothing better is known.
    proxy_closed_silently
    reject_before_accept
    app_exception
    reconnect_loop
    ; pages:
    mixed_content
    csp_blocked
    blocked_by_client
    local_network_blocked
    too_many_sockets
    offline
    page_frozen
    reload_loop
    ; messages:
    message_too_big
    invalid_utf8
    protocol_error
    unsupported_data
    invalid_json
    ; server_named:
    store_unavailable
    broker_unavailable
    authority_unavailable
    bridge_unavailable
    attachment_storage_unavailable
    internal_error
    going_away
    restarting
    disconnected_by_operator
    session_replaced
    ticket_invalid
    session_invalid
    token_user_mismatch
    tenant_missing
    forbidden
    too_many_connections
    rate_limited
    loop_detected
    frame_flood
    subscription_limit
    chat_limit
    slow_consumer
    heartbeat_timeout
    handshake_timeout
    bad_request
    message_too_long
    attachments_off
    attachment_too_large
    attachment_type_refused
    attachment_not_found
    id_conflict
    history_refused
    not_subscribed
    message_not_found
    edit_forbidden
    websocket_version
    login_failed
    refresh_invalid
    refresh_reused
    webhooks_full
}
