//! `[limits]`: how much anybody may do.

use std::time::Duration;

use charla_core::{Limit, Millis, Pace};

/// Seconds of connecting that may come at once: a phone in a tunnel, an office whose line was cut.
const CONNECT_BURST_S: u64 = 10;
/// Seconds of sending that may come at once.
const SEND_BURST_S: u64 = 2;
/// The time over which a day's bytes come in again.
const DAY: Millis = 24 * 3600 * 1000;

/// Keys of `[limits]` that hold for a node as a whole: no tenant has figures of its own for them, because they are looked at
/// before anybody knows whose a connection is.
pub(super) const OF_THE_NODE: [&str; 8] = [
    "limits.connections",
    "limits.connections_per_address",
    "limits.connects_per_second_per_address",
    "limits.logins_per_minute",
    "limits.refusals_per_minute",
    "limits.refusals_per_minute_per_address",
    "limits.loop_wait_max",
    "limits.returns_per_second",
];

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// Connections of this node.
    pub connections: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// What the next one meets.
    pub when_user_full: WhenFull,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// Connections of one tenant on this node; 0: no limit of its own.
    pub connections_per_tenant: usize,
    /// Handshakes a second of one address; 0: no limit.
    pub connects_per_second_per_address: u32,
    /// Handshakes a second of one user; 0: no limit.
    pub connects_per_second_per_user: u32,
    /// Handshakes a second of one tenant; 0: no limit.
    pub connects_per_second_per_tenant: u32,
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
    /// Sends a second of one user, over all connections to this node; 0: no limit.
    pub sends_per_second_per_user: u32,
    /// Sends a second of one tenant on this node; 0: no limit.
    pub sends_per_second_per_tenant: u32,
    /// Bytes of messages a second of one connection; 0: no limit.
    pub bytes_per_second: usize,
    /// Bytes of messages a second of one tenant on this node; 0: no limit.
    pub bytes_per_second_per_tenant: usize,
    /// Bytes of messages a day of one tenant on this node; 0: no limit.
    pub bytes_per_day_per_tenant: usize,
    /// Other requests a second of one connection (history, edit, read ...).
    pub requests_per_second: u32,
    /// Other requests in one burst.
    pub request_burst: u32,
    /// Ping frames a second before `frame_flood`.
    pub pings_per_second: u32,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Chats of one tenant; 0: no limit.
    pub chats_per_tenant: usize,
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
            connections_per_tenant: 0,
            connects_per_second_per_address: 100,
            connects_per_second_per_user: 10,
            connects_per_second_per_tenant: 0,
            message_bytes: 64 * 1024,
            text_bytes: 16 * 1024,
            data_bytes: 16 * 1024,
            fragments: 64,
            sends_per_second: 20,
            send_burst: 40,
            sends_per_second_per_user: 100,
            sends_per_second_per_tenant: 0,
            bytes_per_second: 0,
            bytes_per_second_per_tenant: 0,
            bytes_per_day_per_tenant: 0,
            requests_per_second: 20,
            request_burst: 60,
            pings_per_second: 10,
            subscriptions: 128,
            chats_per_tenant: 0,
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

const fn wide(number: usize) -> u64 {
    number as u64
}

/// Paces that belong together with other figures: whoever may have something may also come for it.
impl LimitSettings {
    /// Failed sign-ins of an address, in any rhythm.
    #[must_use]
    pub fn logins(&self) -> Pace {
        Pace {
            amount: u64::from(self.logins_per_minute),
            per: 60_000,
            burst: u64::from(self.logins_per_minute),
        }
    }

    /// Requests of a person over HTTP.
    #[must_use]
    pub fn requests(&self) -> Pace {
        Pace::per_second(u64::from(self.requests_per_second), u64::from(self.request_burst))
    }

    /// An address may come back with all the connections that it may have.
    #[must_use]
    pub fn connects_of_address(&self) -> Pace {
        let amount = u64::from(self.connects_per_second_per_address);
        let burst = (amount * CONNECT_BURST_S).max(wide(self.connections_per_address));
        Pace::per_second(amount, burst)
    }

    /// A user likewise.
    #[must_use]
    pub fn connects_of_user(&self) -> Pace {
        let amount = u64::from(self.connects_per_second_per_user);
        let burst = (amount * CONNECT_BURST_S).max(wide(self.connections_per_user));
        Pace::per_second(amount, burst)
    }

    /// A tenant's crowd is what the others are to be spared.
    #[must_use]
    pub fn connects_of_tenant(&self) -> Pace {
        let amount = u64::from(self.connects_per_second_per_tenant);
        Pace::per_second(amount, amount * CONNECT_BURST_S)
    }

    /// A user may send as much as one connection may.
    #[must_use]
    pub fn sends_of_user(&self) -> Pace {
        let amount = match (self.sends_per_second_per_user, self.sends_per_second) {
            // The settings' file knows no connection without a limit, tests do.
            (0, _) | (_, 0) => 0,
            (of_user, of_one) => u64::from(of_user.max(of_one)),
        };
        Pace::per_second(amount, (amount * SEND_BURST_S).max(u64::from(self.send_burst)))
    }

    /// All of a tenant's people and its back end together.
    #[must_use]
    pub fn sends_of_tenant(&self) -> Pace {
        let amount = u64::from(self.sends_per_second_per_tenant);
        Pace::per_second(amount, amount * SEND_BURST_S)
    }

    /// Bytes of one connection.
    #[must_use]
    pub fn bytes(&self) -> Pace {
        self.bytes_a_second(self.bytes_per_second)
    }

    /// Bytes of a tenant.
    #[must_use]
    pub fn bytes_of_tenant(&self) -> Pace {
        self.bytes_a_second(self.bytes_per_second_per_tenant)
    }

    /// A day's worth may come at once; what was used comes in again over a day.
    #[must_use]
    pub fn bytes_of_tenant_a_day(&self) -> Pace {
        let amount = wide(self.bytes_per_day_per_tenant);
        Pace {
            amount,
            per: DAY,
            burst: amount,
        }
    }

    /// What a tenant's people share, each with how much of it there is at most; 0: no limit.
    #[must_use]
    pub fn shares_of_tenant(&self) -> [(Limit, u64); 6] {
        [
            (Limit::ConnectionsPerTenant, wide(self.connections_per_tenant)),
            (Limit::ConnectsPerTenant, self.connects_of_tenant().most()),
            (Limit::SendsPerTenant, self.sends_of_tenant().most()),
            (Limit::BytesPerTenant, self.bytes_of_tenant().most()),
            (Limit::DailyBytesPerTenant, self.bytes_of_tenant_a_day().most()),
            (Limit::ChatsPerTenant, wide(self.chats_per_tenant)),
        ]
    }

    fn bytes_a_second(&self, amount: usize) -> Pace {
        let amount = wide(amount);
        let burst = amount.saturating_mul(SEND_BURST_S).max(wide(self.message_bytes));
        Pace::per_second(amount, burst)
    }
}
