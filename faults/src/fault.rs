//! What is done to the stack, one thing at a time, each with its own proof that it happened.

use std::time::Duration;

use charla_ground::Outcome;

use crate::stage::Stage;

mod bus;
mod failover;
mod nodes;
mod path;
mod store;

pub(crate) use failover::Replicated;

/// Something that goes wrong.
pub(crate) struct Fault {
    /// How it is called.
    pub(crate) name: &'static str,
    /// What is done, in a few words.
    pub(crate) how: &'static str,
    /// How long it lasts after it has shown.
    pub(crate) hold: Duration,
    /// Whether it is among the few for continuous integration.
    pub(crate) is_quick: bool,
    /// Whether no connection may end because of it.
    pub(crate) cuts_nobody: bool,
    /// Does it; what proves that it happened.
    pub(crate) inject: fn(&mut Stage) -> Outcome<String>,
    /// Takes it back.
    pub(crate) heal: fn(&mut Stage) -> Outcome<()>,
}

/// All of them, in the order of a run.
pub(crate) fn all() -> Vec<&'static Fault> {
    [
        bus::FAULTS,
        store::FAULTS,
        nodes::FAULTS,
        path::FAULTS,
        failover::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// For what heals by itself.
#[expect(clippy::unnecessary_wraps, reason = "one of many that may fail")]
fn by_itself(_: &mut Stage) -> Outcome<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = all().iter().map(|fault| fault.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let quick = all().iter().filter(|fault| fault.is_quick).count();
        assert!((4..=6).contains(&quick), "{quick}");
    }
}
