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

mod handshakes;

/// Declares the modules and the registry in one list, in order of precedence.
macro_rules! registry {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// All checks, roots first.
        pub const ALL: &[(&str, Check)] = &[$((stringify!($module), $module::CHECK)),*];
    };
}

registry! {
    dns_failure
    server_unreachable
    tls_on_plain_port
    plain_on_tls_port
    tls_inspection
    tls_self_signed
    tls_expired
    tls_wrong_host
    tls_chain
    ipv6_path_dead
    redis_down
    no_websocket_route
    route_not_found
    redirect_https
    redirect_slash
    subprotocol_mismatch
    uri_too_large
    header_too_large
    proxy_closed_silently
    origin_forbidden
    reject_before_accept
}
