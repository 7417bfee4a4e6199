//! What the bridge counts, and what it says of what it leaves out.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::codec::Unread;
use crate::metrics::CauseLabel;

/// A line of the log for each reason, at most so often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Why something that came from Channels went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dropped {
    /// Its type is not in `bridge.events`.
    Unmapped,
    /// Its group is not in `bridge.groups`.
    GroupUnknown,
    /// It does not say whose it is.
    TenantMissing,
    TenantUnknown,
    ChatUnknown,
    UserUnknown,
    ChatClosed,
    /// The application's own table of messages does not take it.
    HistoryRefused,
    /// It lacks what an event of its type has.
    Malformed,
    TooLarge,
    /// It was not encrypted by one of the keys.
    NotOurs,
    /// It was sent to one consumer, and there is none here.
    Direct,
}

impl Dropped {
    const fn word(self) -> &'static str {
        match self {
            Self::Unmapped => "unmapped",
            Self::GroupUnknown => "group_unknown",
            Self::TenantMissing => "tenant_missing",
            Self::TenantUnknown => "tenant_unknown",
            Self::ChatUnknown => "chat_unknown",
            Self::UserUnknown => "user_unknown",
            Self::ChatClosed => "chat_closed",
            Self::HistoryRefused => "history_refused",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::NotOurs => "not_ours",
            Self::Direct => "direct",
        }
    }
}

impl From<Unread> for Dropped {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::TooLarge,
            Unread::Malformed => Self::Malformed,
            Unread::NotOurs => Self::NotOurs,
        }
    }
}

/// Why a message was left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    reason: &'static str,
}

/// Figures of the bridge to Django Channels.
#[derive(Debug, Default)]
pub struct BridgeFigures {
    /// 1 while the Redis of Channels answers whatever it is asked.
    pub up: Gauge,
    /// Events that Channels sent and that were carried out.
    pub received: Counter,
    /// Events handed to Channels: one for each group.
    pub sent: Counter,
    /// Events of Channels that were left out, by reason.
    pub dropped: Family<ReasonLabel, Counter>,
    /// Events that a process of the application had no room for, in the end.
    pub over_capacity: Counter,
    /// Events that Channels was not told of: its Redis was away for too long, or too slow.
    pub lost: Counter,
    /// Connections to that Redis that could not be made, or ended, by the cause that comes nearest.
    pub failures: Family<CauseLabel, Counter>,
    told: Mutex<HashMap<&'static str, Instant>>,
}

impl BridgeFigures {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let up = "1 while the Redis of Django Channels answers, or there is no bridge";
        registry.register("bridge_up", up, self.up.clone());
        registry.register(
            "bridge_received",
            "Events of Django Channels that were carried out",
            self.received.clone(),
        );
        registry.register(
            "bridge_sent",
            "Events handed to Django Channels",
            self.sent.clone(),
        );
        registry.register(
            "bridge_dropped",
            "Events of Django Channels that were left out, by reason",
            self.dropped.clone(),
        );
        registry.register(
            "bridge_over_capacity",
            "Events that a process of Django Channels had no room for",
            self.over_capacity.clone(),
        );
        registry.register(
            "bridge_lost",
            "Events that Django Channels was not told of because its Redis was away or too slow",
            self.lost.clone(),
        );
        registry.register(
            "bridge_failures",
            "Connections to the Redis of Django Channels that could not be made, or ended, by cause",
            self.failures.clone(),
        );
    }

    /// Counts a connection that could not be made, or ended.
    pub(super) fn fail(&self, cause: &'static str) {
        self.failures.get_or_create(&CauseLabel::of_id(cause)).inc();
    }

    /// Counts something that was left out, and says so once a minute.
    pub(crate) fn drop(&self, why: Dropped, group: &str, kind: &str) {
        let reason = why.word();
        self.dropped.get_or_create(&ReasonLabel { reason }).inc();
        if self.is_time_to_tell(reason) {
            tracing::warn!(reason, group, kind, "an event of Django Channels was left out");
        } else {
            tracing::debug!(reason, group, kind, "an event of Django Channels was left out");
        }
    }

    /// Counts events that were not handed over, and says so once a minute.
    pub(crate) fn lose(&self, count: usize, why: &'static str) {
        if count == 0 {
            return;
        }
        self.lost.inc_by(count as u64);
        if self.is_time_to_tell(why) {
            tracing::warn!(count, why, "events were not handed to Django Channels");
        }
    }

    /// Counts events that a process had no room for, and says so once a minute.
    pub(crate) fn overflow(&self, count: usize, queue: &str) {
        self.over_capacity.inc_by(count as u64);
        if self.is_time_to_tell("over_capacity") {
            tracing::warn!(count, queue, "a process of Django Channels takes nothing in");
        }
    }

    fn is_time_to_tell(&self, why: &'static str) -> bool {
        let (now, mut told) = (Instant::now(), self.told.lock());
        match told.get(why) {
            Some(last) if now - *last < TOLD_EVERY => false,
            Some(_) | None => {
                told.insert(why, now);
                true
            }
        }
    }
}
