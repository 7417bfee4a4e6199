//! Which limit somebody has reached, by the name under which it is set.

use std::fmt;

/// A limit that refuses something when it is reached. What merely clamps (a page of history) or ends the connection for
/// another reason (`slow_consumer`, `message_too_big`) is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Connections of a node at once.
    Connections,
    /// Connections of an address at once.
    ConnectionsPerAddress,
    /// Connections of a user at once.
    ConnectionsPerUser,
    /// Connections of a tenant at once.
    ConnectionsPerTenant,
    /// Handshakes of an address.
    ConnectsPerAddress,
    /// Handshakes of a user.
    ConnectsPerUser,
    /// Handshakes of a tenant.
    ConnectsPerTenant,
    /// Sends of a connection.
    Sends,
    /// Sends of a user.
    SendsPerUser,
    /// Sends of a tenant.
    SendsPerTenant,
    /// Requests of a connection that are no sends.
    Requests,
    /// Bytes of messages of a connection.
    Bytes,
    /// Bytes of messages of a tenant.
    BytesPerTenant,
    /// The same over a day.
    DailyBytesPerTenant,
    /// Chats that a connection listens to.
    Subscriptions,
    /// Chats of a tenant.
    ChatsPerTenant,
    /// Failed sign-ins of an address.
    Logins,
}

impl Limit {
    /// The key that sets it in `[limits]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::ConnectionsPerUser => "connections_per_user",
            Self::ConnectionsPerTenant => "connections_per_tenant",
            Self::ConnectsPerAddress => "connects_per_second_per_address",
            Self::ConnectsPerUser => "connects_per_second_per_user",
            Self::ConnectsPerTenant => "connects_per_second_per_tenant",
            Self::Sends => "sends_per_second",
            Self::SendsPerUser => "sends_per_second_per_user",
            Self::SendsPerTenant => "sends_per_second_per_tenant",
            Self::Requests => "requests_per_second",
            Self::Bytes => "bytes_per_second",
            Self::BytesPerTenant => "bytes_per_second_per_tenant",
            Self::DailyBytesPerTenant => "bytes_per_day_per_tenant",
            Self::Subscriptions => "subscriptions",
            Self::ChatsPerTenant => "chats_per_tenant",
            Self::Logins => "logins_per_minute",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limits.{}", self.key())
    }
}
