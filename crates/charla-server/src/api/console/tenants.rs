//! What goes on in the busiest tenants, and how much of their limits that uses up.

use std::collections::BTreeMap;

use charla_core::Limit;
use charla_wire::TenantId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::console::TENANTS_TOLD;
use crate::console::tenants::TenantFigures;
use crate::node::Node;

/// A tenant's own figures.
#[derive(Serialize, ToSchema)]
#[schema(as = TenantFigures)]
pub(super) struct TenantNow {
    /// Whose.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// Clients connected now, on all nodes.
    connections: u64,
    /// Messages stored in the last minute, on all nodes.
    messages: u64,
    /// How many limits have a figure of its own.
    own_limits: usize,
    /// What is used up of those of its limits that all its people share, by their names in `[limits]`; only those that are set.
    limits: BTreeMap<&'static str, Share>,
    /// How often a limit refused something in the last hour, on all nodes, by its name.
    refused: BTreeMap<String, u64>,
}

/// What is used up of a limit.
#[derive(Serialize, ToSchema)]
pub(super) struct Share {
    /// How much now, on the node where it is the most.
    used: u64,
    /// Of how much: of what is allowed in a second, as much as may come at once.
    of: u64,
}

impl TenantNow {
    /// The busiest tenants, and after them quiet ones that have figures of their own; at most as many again.
    pub(super) fn all(node: &Node, mut busy: Vec<TenantFigures>) -> Vec<Self> {
        busy.truncate(TENANTS_TOLD);
        let with_own = node.limits.with_own().into_iter();
        let quiet = with_own.filter(|tenant| !busy.iter().any(|one| one.tenant == *tenant));
        let quiet: Vec<_> = quiet.take(TENANTS_TOLD).map(TenantFigures::quiet).collect();
        let all = busy.into_iter().chain(quiet);
        all.map(|figures| Self::of(node, figures)).collect()
    }

    fn of(node: &Node, figures: TenantFigures) -> Self {
        let settings = &node.limits.of(&figures.tenant).settings;
        // How many chats there are is the store's to say: it is not asked every second.
        let shares = settings.shares_of_tenant().into_iter();
        let limits = shares.filter_map(|(limit, of)| {
            let used = figures.used.get(limit.key()).copied().unwrap_or(0);
            (of > 0 && limit != Limit::ChatsPerTenant).then_some((limit.key(), Share { used, of }))
        });
        Self {
            limits: limits.collect(),
            own_limits: node.limits.own_count(&figures.tenant),
            tenant: figures.tenant,
            connections: figures.connections,
            messages: figures.messages,
            refused: figures.refused,
        }
    }
}
