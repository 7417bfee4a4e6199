//! What the operator's overview stands on: the last hours by the minute, the close ledger, each tenant's figures, and those of
//! all nodes together.
//!
//! Nothing is kept where `console.enabled` is off. What nodes tell each other of it is [`ConsoleWord`]; who may see it is decided in
//! [`crate::api`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use charla_core::{Limit, NodeId};
use charla_wire::{Cause, TenantId, Timestamp, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::connection::{Connection, Ending};
use crate::handshake::{Asked, Refused};
use crate::happening::{Happening, NodeWord};
use crate::node::Node;

pub mod ledger;
pub mod minutes;
mod now;
mod search;
pub mod tenants;
mod told;
mod watchers;

pub(crate) use search::TooManySearches;
pub use told::{ConsoleWord, Recalled, Report, Slow};
pub(crate) use watchers::TooManyWatchers;

use ledger::{Entry, Kind, Ledger, Query};
use minutes::{MINUTES_MAX, Minute, Minutes, Why};
use search::Searches;
use tenants::{Recent, Tenants};
use watchers::Watchers;

/// How often this node looks at its figures and shows them to whoever watches.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often nodes tell each other theirs: of a node that is killed no more than this is lost.
const TELL_EVERY: u32 = 2;
/// After so many looks a node asks again for what was: it may have heard others before it could be heard, or a node that
/// was killed was thought to be alive.
const ASK_AGAIN_AT: [u32; 2] = [3, 30];
/// Tenants that a node tells of, and that are shown.
pub(crate) const TENANTS_TOLD: usize = 50;
/// Minutes of one answer about the past: some 20 KiB.
const RECALLED_AT_ONCE: usize = 60;

/// What one node keeps for the operator.
pub(crate) struct Console {
    enabled: bool,
    state: Mutex<State>,
    ledger: Mutex<Ledger>,
    searches: Searches,
    pub(crate) watchers: Watchers,
    /// Somebody wants this node to drain.
    pub(crate) drain_asked: Notify,
}

#[derive(Default)]
struct State {
    minutes: Minutes,
    tenants: Tenants,
    messages: Recent,
    reports: HashMap<NodeId, Report>,
}

/// Whose a handshake was, as far as known.
type Owner = (Option<TenantId>, Option<UserId>);

impl Console {
    /// Nothing yet, and nothing ever unless `enabled`.
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            state: Mutex::default(),
            ledger: Mutex::default(),
            searches: Searches::default(),
            watchers: Watchers::default(),
            drain_asked: Notify::new(),
        }
    }

    /// Whether anything is kept, and may be shown.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }
}

/// The minute of a time of day.
pub(crate) const fn minute_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(60_000)
}

/// What happens on this node is counted.
impl Node {
    fn count(&self, change: impl FnOnce(&mut Minute)) {
        if self.console.enabled {
            let at = minute_of((self.clock)());
            change(self.console.state.lock().minutes.count(at, self.id()));
        }
    }

    /// A handshake was let in.
    pub(crate) fn count_accepted(&self) {
        self.count(|minute| minute.accepted += 1);
    }

    /// Whose handshake was refused, for the ledger: as proved, or as the token says whose signature is good, an expired one,
    /// say; else the tenant of the address.
    pub(crate) async fn owner(&self, asked: &Asked, refused: &Refused) -> Owner {
        let tenant = refused.tenant.clone().or_else(|| asked.tenant.clone());
        // Whoever runs in circles is not judged again, and not looked at again either.
        let is_looked_at = self.console.enabled && refused.cause != Cause::LoopDetected;
        if refused.user.is_none()
            && is_looked_at
            && let Some(token) = asked.token()
            && let Some((own, user)) = self.auth.bearer(token).await
        {
            return (own.or(tenant), Some(user));
        }
        (tenant, refused.user.clone())
    }

    /// A handshake was refused.
    pub(crate) fn count_refused(
        &self,
        asked: &Asked,
        refused: &Refused,
        (tenant, user): Owner,
        connection: Uuid,
        address: IpAddr,
    ) {
        self.count(|minute| minute.add_refused(Why(Some(refused.cause)), 1));
        // Whoever runs in circles would fill the ledger: what it was refused for stands in it already.
        if !self.console.enabled || refused.cause == Cause::LoopDetected {
            return;
        }
        self.console.ledger.lock().note(Entry {
            kind: Kind::Refused,
            connection,
            attempt: asked.attempt.as_deref().map(Into::into),
            at: (self.clock)(),
            opened_at: None,
            cause: Why(Some(refused.cause)),
            initiator: None,
            detail: ledger::detail(&refused.detail),
            lasted_ms: None,
            pinged_at: None,
            ponged_at: None,
            queued_bytes: 0,
            sent_bytes: 0,
            address,
            tenant,
            user,
            chat: asked.chat.clone(),
        });
    }

    /// A connection begins.
    pub(crate) fn count_opened(&self, connection: &Connection) {
        if self.console.enabled {
            let tenant = &connection.opening.visitor.key.tenant;
            self.console.state.lock().tenants.opened(tenant);
        }
    }

    /// A connection has ended.
    pub(crate) fn count_closed(&self, connection: &Connection, ending: Ending) {
        if !self.console.enabled {
            return;
        }
        self.count(|minute| minute.add_closed(Why(ending.cause), ending.initiator, 1));
        let tenant = &connection.opening.visitor.key.tenant;
        self.console.state.lock().tenants.closed(tenant);
        let entry = Entry {
            kind: Kind::Ended,
            at: (self.clock)(),
            cause: Why(ending.cause),
            initiator: Some(ending.initiator),
            ..self.open_entry(connection)
        };
        self.console.ledger.lock().note(entry);
    }

    /// A message was stored.
    pub(crate) fn count_message(&self, tenant: &TenantId) {
        if !self.console.enabled {
            return;
        }
        self.count(|minute| minute.messages += 1);
        let now = self.uptime.now();
        let mut state = self.console.state.lock();
        state.messages.add(now);
        state.tenants.message(tenant, now);
    }

    /// One of a tenant's was refused by a limit.
    pub(crate) fn count_limit(&self, limit: Limit, tenant: &TenantId) {
        if self.console.enabled {
            let now = self.uptime.now();
            self.console.state.lock().tenants.refused(tenant, limit, now);
        }
    }

    fn open_entry(&self, connection: &Connection) -> Entry {
        let opening = &connection.opening;
        let (pinged_at, ponged_at) = connection.heartbeats();
        Entry {
            kind: Kind::Open,
            connection: opening.id,
            attempt: opening.attempt.clone(),
            at: opening.since,
            opened_at: Some(opening.since),
            cause: Why::NONE,
            initiator: None,
            detail: None,
            lasted_ms: Some(self.uptime.now().saturating_sub(opening.opened_at)),
            pinged_at,
            ponged_at,
            queued_bytes: u64::try_from(connection.unsent_bytes()).unwrap_or(u64::MAX),
            sent_bytes: connection.sent_bytes(),
            address: opening.address,
            tenant: Some(opening.visitor.key.tenant.clone()),
            user: Some(opening.visitor.key.user.clone()),
            chat: opening.home.clone(),
        }
    }

    fn search_here(&self, query: &Query) -> ledger::Found {
        let open = self
            .users
            .all(|connection| query.wants(&self.open_entry(connection)));
        let open = open
            .iter()
            .map(|connection| self.open_entry(connection))
            .collect();
        self.console.ledger.lock().search(query, open)
    }
}

/// What nodes tell each other of it.
impl Node {
    /// Asks a node for what was before this one heard it.
    pub(crate) fn ask_past(&self, of: NodeId) {
        if self.console.enabled {
            self.say(Some(of), NodeWord::Console(Box::new(ConsoleWord::Recall)));
        }
    }

    /// Asks all nodes for what was: those that were heard before this node could be.
    pub(crate) fn ask_all_pasts(&self) {
        let peers: Vec<NodeId> = self.peers().ids().collect();
        for peer in peers {
            self.ask_past(peer);
        }
    }

    /// A node is gone: its past is kept, its present is not.
    pub(crate) fn forget_present(&self, gone: NodeId) {
        self.console.state.lock().reports.remove(&gone);
        self.console.searches.node_gone(gone);
    }

    /// What another node says.
    pub(crate) fn hear_console(&self, from: NodeId, to: Option<NodeId>, word: ConsoleWord) {
        let drain = matches!(word, ConsoleWord::Drain { .. });
        if !self.console.enabled && !drain {
            return;
        }
        let today = minute_of((self.clock)());
        match word {
            ConsoleWord::Report(mut report) => {
                // Its last words come behind its good-bye.
                let is_there = self.peers().ids().any(|peer| peer == from);
                let mut state = self.console.state.lock();
                for minute in report.minutes.drain(..) {
                    state.minutes.hear(from, minute, today);
                }
                if is_there {
                    state.reports.insert(from, report);
                }
            }
            ConsoleWord::Recall => self.recall(from),
            ConsoleWord::Recalled(recalled) => {
                let mut state = self.console.state.lock();
                for Recalled { node, minute } in recalled {
                    // What we counted ourselves nobody knows better.
                    if node != self.id() {
                        state.minutes.hear(node, minute, today);
                    }
                }
            }
            ConsoleWord::Search { number, query } => {
                let found = self.search_here(&query);
                let word = ConsoleWord::Found { number, found };
                self.say(Some(from), NodeWord::Console(Box::new(word)));
            }
            ConsoleWord::Found { number, found } => self.console.searches.answered(number, from, found),
            ConsoleWord::Drain { by } if to == Some(self.id()) => {
                tracing::warn!(target: "charla::audit", %by, from = %from, "this node was told to drain");
                self.console.drain_asked.notify_one();
            }
            ConsoleWord::Drain { .. } => {}
        }
    }

    /// Tells a node our minutes, and those of nodes that cannot tell theirs any more.
    fn recall(&self, to: NodeId) {
        // A node that was killed a moment ago is believed to live, and is told of when it is asked for again.
        let living: Vec<NodeId> = self.peers().beats().map(|heard| heard.node).collect();
        let state = self.console.state.lock();
        let known = state.minutes.of(|node| !living.contains(&node));
        drop(state);
        for some in known.chunks(RECALLED_AT_ONCE) {
            let recalled = some.iter().map(|(node, minute)| Recalled {
                node: *node,
                minute: minute.clone(),
            });
            let word = ConsoleWord::Recalled(recalled.collect());
            self.say(Some(to), NodeWord::Console(Box::new(word)));
        }
    }

    /// Has a node drain: this one, or another by the bus. Whether it is known.
    pub(crate) fn drain_node(&self, node: NodeId, by: &str) -> bool {
        if node == self.id() {
            self.console.drain_asked.notify_one();
            return true;
        }
        let is_known = self.peers().ids().any(|peer| peer == node);
        if is_known {
            let word = ConsoleWord::Drain { by: by.to_owned() };
            self.say(Some(node), NodeWord::Console(Box::new(word)));
        }
        is_known
    }
}

/// What is shown.
impl Node {
    /// The last hours, all nodes together, and since when anything is known of a node.
    pub(crate) fn console_minutes(&self) -> Vec<Minute> {
        let from = minute_of((self.clock)()) - MINUTES_MAX;
        self.console.state.lock().minutes.sums(from)
    }

    /// The first minute that is known of a node.
    pub(crate) fn known_since(&self, node: NodeId) -> Option<Timestamp> {
        let at = self.console.state.lock().minutes.since(node)?;
        Some(Timestamp::from_millis(at * 60_000))
    }
}

/// Looks at the figures, tells them to the other nodes and to whoever watches, for as long as the node lives.
pub(crate) async fn keep_figures(node: Arc<Node>) {
    if !node.console.enabled {
        return;
    }
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0_u32.. {
        ticks.tick().await;
        let at = minute_of((node.clock)());
        let connections = node.connection_count();
        let changed = {
            let mut state = node.console.state.lock();
            state.minutes.count(at, node.id()).connections = connections;
            state.minutes.forget(at);
            state.minutes.take_changed()
        };
        if ASK_AGAIN_AT.contains(&turn) {
            node.ask_all_pasts();
        }
        if turn % TELL_EVERY == 0 {
            node.look_at_store();
            node.tell_figures();
        }
        if !node.console.watchers.is_empty() {
            let line = crate::api::console_line(&node, &changed);
            node.console.watchers.tell(&line, node.uptime.now());
        }
    }
}

impl Node {
    /// The last word of a node that drains. Comes back when the bus has passed it on.
    pub(crate) async fn tell_last_figures(&self) {
        if !self.console.enabled {
            return;
        }
        let at = minute_of((self.clock)());
        let connections = self.connection_count();
        self.count(|minute| minute.connections = connections);
        let report = self.own_report(at - 1, self.uptime.now());
        let word = NodeWord::Console(Box::new(ConsoleWord::Report(report)));
        if let Some(broker) = self.broker() {
            broker
                .passed_on(Happening::Node {
                    from: self.id(),
                    to: None,
                    word,
                })
                .await;
        }
    }

    /// Tells the running minute, and the one before: what was lost on the way is said again.
    pub(crate) fn tell_figures(&self) {
        if self.console.enabled && self.broker().is_some_and(crate::broker::Broker::has_peers) {
            let at = minute_of((self.clock)());
            let report = self.own_report(at - 1, self.uptime.now());
            self.say(None, NodeWord::Console(Box::new(ConsoleWord::Report(report))));
        }
    }
}
