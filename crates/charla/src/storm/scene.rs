//! What happens: how many clients, how long without a server, and what it can take when it is back.

use crate::args::Storm;

/// All sockets of a process that dies are reset within this, seen from their clients.
pub(super) const NOTICED_WITHIN_MS: u32 = 500;
/// There and back, between least and end.
pub(super) const TRIP_MS: (u32, u32) = (20, 80);
/// What the application's own token endpoint takes; it is taken to be up.
pub(super) const TOKEN_MS: u32 = 100;
/// A preflight's share of a handshake's work: 32.8 of 107 us of CPU in `bench/RESULTS.md`.
pub(super) const PREFLIGHT_COST: f64 = 0.3;

/// One storm, for every policy the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scene {
    pub(super) clients: u32,
    pub(super) down_ms: u32,
    /// Handshakes a second.
    pub(super) accept_rate: u32,
    /// Work that may wait.
    pub(super) queue_ms: f64,
    /// Of a handshake.
    pub(super) refusal_cost: f64,
    /// Whether the server said when to come back.
    pub(super) announced: bool,
    pub(super) seed: u64,
    /// Nothing later is looked at.
    pub(super) end_ms: u32,
}

impl Scene {
    /// As typed.
    pub(super) fn of(wanted: &Storm) -> Self {
        Self {
            clients: wanted.clients,
            down_ms: wanted.down * 1_000,
            accept_rate: wanted.accept_rate,
            queue_ms: wanted.queue * 1_000.0,
            refusal_cost: wanted.refusal_cost,
            announced: wanted.announced,
            seed: wanted.seed,
            end_ms: (wanted.down + wanted.watch) * 1_000,
        }
    }

    /// Nobody can have them all back earlier, in seconds after the loss.
    pub(super) fn at_best_s(&self) -> f64 {
        f64::from(self.down_ms) / 1_000.0 + f64::from(self.clients) / f64::from(self.accept_rate)
    }
}
