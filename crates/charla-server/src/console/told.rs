//! What nodes tell each other for the operator's overview, as it travels: [`ConsoleWord`].

use charla_core::NodeId;
use charla_wire::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ledger::{Found, Query};
use super::minutes::Minute;
use super::tenants::TenantFigures;

/// One thing said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleWord {
    /// How a node does.
    Report(Report),
    /// It wants to know what was before.
    Recall,
    /// What was before.
    Recalled(Vec<Recalled>),
    /// It looks for something in the ledgers.
    Search {
        /// The asking node's number for it.
        number: u64,
        /// What.
        query: Query,
    },
    /// What a node has of it.
    Found {
        /// The asking node's number.
        number: u64,
        /// What.
        found: Found,
    },
    /// An operator wants the node to drain.
    Drain {
        /// Who.
        by: String,
    },
}

/// How a node does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The running minute and the one before.
    pub minutes: Vec<Minute>,
    /// Its busiest tenants.
    pub tenants: Vec<TenantFigures>,
    /// Whether there are tenants that it does not tell of.
    #[serde(default)]
    pub more_tenants: bool,
    /// Messages of the last minute.
    pub messages: u64,
    /// Bytes that wait for slow clients.
    pub queued: u64,
    /// The slowest of them.
    pub slow: Vec<Slow>,
}

/// A client that takes less than it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slow {
    /// Its connection.
    pub connection: Uuid,
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub user: UserId,
    /// Bytes that wait for it.
    pub queued: u64,
}

/// A minute, and which node counted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// Which.
    pub node: NodeId,
    /// What it counted.
    pub minute: Minute,
}
