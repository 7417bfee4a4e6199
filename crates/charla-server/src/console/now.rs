//! The present: what a node tells of itself, and what all of them come to together.

use charla_core::{Limit, Millis, NodeId};
use charla_wire::TenantId;

use super::TENANTS_TOLD;
use super::tenants::{self, TenantFigures};
use super::told::{Report, Slow};
use crate::node::Node;

/// Slow clients that a node tells of.
const SLOW_TOLD: usize = 5;

/// What is seen now, of all nodes together.
pub(crate) struct Now {
    /// Clients connected to the nodes that are heard.
    pub(crate) connections: u64,
    /// Messages of the last minute.
    pub(crate) messages: u64,
    /// The busiest tenants.
    pub(crate) tenants: Vec<TenantFigures>,
    /// Whether a node has tenants that it tells nothing of: figures of the others may be too low.
    pub(crate) more_tenants: bool,
    /// Bytes that wait for slow clients.
    pub(crate) queued: u64,
    /// The slowest clients, each with its node.
    pub(crate) slow: Vec<(NodeId, Slow)>,
    /// Nodes that are heard and tell nothing for the console.
    pub(crate) silent: Vec<NodeId>,
}

impl Node {
    /// What this node says of itself now.
    pub(super) fn own_report(&self, minutes_from: i64, now: Millis) -> Report {
        let (queued, slow) = self.slowest();
        let node = self.id();
        let mut state = self.console.state.lock();
        let (tenants, all) = state.tenants.busiest(TENANTS_TOLD, now);
        let mut report = Report {
            minutes: state.minutes.own(node, minutes_from),
            more_tenants: all > tenants.len(),
            tenants,
            messages: state.messages.count(now),
            queued,
            slow,
        };
        drop(state);
        self.add_used(&mut report, now);
        report
    }

    /// How much of their limits tenants have used up, those that are quiet now included.
    fn add_used(&self, report: &mut Report, now: Millis) {
        let shares = &self.limits.shares;
        let of_today = shares.of_today(TENANTS_TOLD + 1, now);
        report.more_tenants |= of_today.len() > TENANTS_TOLD;
        for tenant in of_today.into_iter().take(TENANTS_TOLD) {
            if !report.tenants.iter().any(|figures| figures.tenant == tenant) {
                report.tenants.push(TenantFigures::quiet(tenant));
            }
        }
        for figures in &mut report.tenants {
            let limits = &self.limits.of(&figures.tenant).settings;
            let used = shares.used(&figures.tenant, limits, now).into_iter();
            let used = used.chain([(Limit::ConnectionsPerTenant, figures.connections)]);
            figures.used = used.map(|(limit, used)| (limit.key().to_owned(), used)).collect();
        }
    }

    fn slowest(&self) -> (u64, Vec<Slow>) {
        let waiting = self.users.all(|connection| connection.waiting_bytes() > 0);
        let mut slow: Vec<Slow> = waiting
            .iter()
            .map(|connection| Slow {
                connection: connection.opening.id,
                tenant: connection.opening.visitor.key.tenant.clone(),
                user: connection.opening.visitor.key.user.clone(),
                queued: u64::try_from(connection.waiting_bytes()).unwrap_or(u64::MAX),
            })
            .collect();
        slow.sort_by_key(|one| std::cmp::Reverse(one.queued));
        let queued = slow.iter().map(|one| one.queued).sum();
        slow.truncate(SLOW_TOLD);
        (queued, slow)
    }

    /// The present, of this node and of those that are heard.
    pub(crate) fn console_now(&self) -> Now {
        let own = self.own_report(i64::MAX, self.uptime.now());
        let others: Vec<(NodeId, u64)> = self
            .peers()
            .beats()
            .map(|heard| (heard.node, heard.beat.connections))
            .collect();
        let state = self.console.state.lock();
        let mut now = Now {
            connections: self.connection_count() + others.iter().map(|(_, count)| count).sum::<u64>(),
            messages: 0,
            tenants: Vec::new(),
            more_tenants: false,
            queued: 0,
            slow: Vec::new(),
            silent: Vec::new(),
        };
        now.add(self.id(), &own);
        for (node, _) in others {
            match state.reports.get(&node) {
                Some(report) => now.add(node, report),
                None => now.silent.push(node),
            }
        }
        tenants::sort(&mut now.tenants);
        now.slow.sort_by_key(|(_, slow)| std::cmp::Reverse(slow.queued));
        now
    }
}

impl Now {
    /// A tenant's figures.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> TenantFigures {
        let known = self.tenants.iter().find(|figures| figures.tenant == *tenant);
        known
            .cloned()
            .unwrap_or_else(|| TenantFigures::quiet(tenant.clone()))
    }

    fn add(&mut self, node: NodeId, report: &Report) {
        self.messages += report.messages;
        self.queued += report.queued;
        self.more_tenants |= report.more_tenants;
        self.slow
            .extend(report.slow.iter().map(|slow| (node, slow.clone())));
        for figures in &report.tenants {
            let known = self.tenants.iter_mut().find(|one| one.tenant == figures.tenant);
            match known {
                Some(known) => known.add(figures),
                None => self.tenants.push(figures.clone()),
            }
        }
    }
}
