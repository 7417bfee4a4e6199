//! The machine: what the kernel counts.

use serde::{Deserialize, Serialize};

/// What the kernel counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSeen {
    /// `ListenOverflows` before and after the probes: connections dropped because nobody accepted them.
    pub listen_overflows: Option<(u64, u64)>,
    /// `ListenDrops` likewise.
    pub listen_drops: Option<(u64, u64)>,
    /// `net.core.somaxconn`.
    pub somaxconn: Option<u64>,
    /// Local ports in use towards the upstream, and how many there are.
    pub ephemeral_used: Option<u64>,
    /// Size of `net.ipv4.ip_local_port_range`.
    pub ephemeral_total: Option<u64>,
    /// Lines of the kernel's log about processes killed for memory, newest last.
    pub oom_kills: Vec<String>,
    /// `oom_kill` of the process's control group.
    pub cgroup_oom_kills: Option<u64>,
    /// Offset of the clock to a time server, where the system says; positive: this clock is ahead.
    pub clock_offset_s: Option<f64>,
    /// Whether the system says that its clock is synchronised.
    pub clock_synchronised: Option<bool>,
    /// Connections that conntrack follows, and may.
    pub conntrack: Option<(u64, u64)>,
    /// Free bytes where the logs are, and all.
    pub disk_free: Option<(u64, u64)>,
}
