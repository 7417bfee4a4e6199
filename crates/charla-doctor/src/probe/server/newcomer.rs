//! Whether a process of the application appears while the doctor looks: one turn of a loop of restarts.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::describe::{describe, understand};
use crate::evidence::ProcessSeen;
use crate::probe::proc;
use crate::probe::unit::serves;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(60);

/// Waits for a process that may be the application and is none of those known.
pub async fn newcomer(known: &BTreeSet<u32>, within: Duration) -> Option<ProcessSeen> {
    let until = Instant::now() + within;
    loop {
        let mut pids = proc::all();
        pids.retain(|pid| !known.contains(pid) && serves(understand(*pid, &proc::argv(*pid)).kind));
        if let Some(pid) = pids.first() {
            return Some(describe(*pid));
        }
        if Instant::now() >= until {
            return None;
        }
        sleep(LOOK_EVERY).await;
    }
}
