//! `[limits]`: how much anybody may do.

use std::time::Duration;

/// What a user's connection meets when the user has as many as one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It is refused with `too_many_connections`.
    #[default]
    Refuse,
    /// It is let in, and the user's oldest one ends with `session_replaced`.
    ReplaceOldest,
}

/// `[limits]`
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Connections of this node.
    pub connections: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// What the next one meets.
    pub when_user_full: WhenFull,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// Bytes of one message on the wire.
    pub message_bytes: usize,
    /// Bytes of a message's text.
    pub text_bytes: usize,
    /// Bytes of a message's data.
    pub data_bytes: usize,
    /// Fragments of one message.
    pub fragments: usize,
    /// Sends a second of one connection, sustained.
    pub sends_per_second: u32,
    /// Sends in one burst.
    pub send_burst: u32,
    /// Other requests a second of one connection (history, edit, read ...).
    pub requests_per_second: u32,
    /// Other requests in one burst.
    pub request_burst: u32,
    /// Ping frames a second before `frame_flood`.
    pub pings_per_second: u32,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Messages of one history page.
    pub history_page: usize,
    /// Messages missed beyond which a resume starts over.
    pub resume_messages: usize,
    /// Bytes that may wait for one socket before `slow_consumer`.
    pub outbox_bytes: usize,
    /// How long bytes may wait for one socket before `slow_consumer`.
    pub outbox_age: Duration,
    /// Failed sign-ins a minute of one address.
    pub logins_per_minute: u32,
    /// Refusals a minute of one client beyond which it waits; 0: never.
    pub refusals_per_minute: u32,
    /// The same of one address.
    pub refusals_per_minute_per_address: u32,
    /// The longest of those waits.
    pub loop_wait_max: Duration,
    /// Handshakes a second over which returning clients are spread; 0: as many as were measured.
    pub returns_per_second: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections: 18_000,
            connections_per_user: 20,
            when_user_full: WhenFull::Refuse,
            connections_per_address: 200,
            message_bytes: 64 * 1024,
            text_bytes: 16 * 1024,
            data_bytes: 16 * 1024,
            fragments: 64,
            sends_per_second: 20,
            send_burst: 40,
            requests_per_second: 20,
            request_burst: 60,
            pings_per_second: 10,
            subscriptions: 128,
            history_page: 200,
            resume_messages: 1_000,
            outbox_bytes: 256 * 1024,
            outbox_age: Duration::from_secs(10),
            logins_per_minute: 10,
            refusals_per_minute: 20,
            refusals_per_minute_per_address: 600,
            loop_wait_max: Duration::from_secs(600),
            returns_per_second: 0,
        }
    }
}
