//! How the bridge does: whether each of its hosts answers each of its tasks, and since when all or not all do.
//!
//! A right that is missing for one task is half a bridge, and half a bridge is away.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use charla_wire::Timestamp;

/// What a connection to a host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Keeping this node in its groups; also what proves that a host is there.
    Groups,
    /// Taking in what Channels says.
    Reading,
    /// Telling Channels what is said here.
    Telling,
}

#[derive(Debug)]
struct Answers {
    groups: AtomicBool,
    reading: AtomicBool,
    telling: AtomicBool,
}

impl Answers {
    const fn of(&self, task: Task) -> &AtomicBool {
        match task {
            Task::Groups => &self.groups,
            Task::Reading => &self.reading,
            Task::Telling => &self.telling,
        }
    }

    fn all(&self) -> bool {
        [&self.groups, &self.reading, &self.telling]
            .iter()
            .all(|answer| answer.load(Ordering::Relaxed))
    }
}

/// All hosts.
#[derive(Debug)]
pub(super) struct Standing {
    hosts: Vec<Answers>,
    up: AtomicBool,
    since: AtomicI64,
}

impl Standing {
    /// Not up until every host has answered; a task that has asked for nothing yet was refused nothing.
    pub(super) fn new(hosts: usize, now: Timestamp) -> Self {
        let answers = |_| Answers {
            groups: AtomicBool::new(false),
            reading: AtomicBool::new(true),
            telling: AtomicBool::new(true),
        };
        Self {
            hosts: (0..hosts).map(answers).collect(),
            up: AtomicBool::new(false),
            since: AtomicI64::new(now.as_millis()),
        }
    }

    /// A host answers a task, or does no more; whether all is well now.
    pub(super) fn note(&self, place: usize, task: Task, answers: bool, now: Timestamp) -> bool {
        if let Some(host) = self.hosts.get(place) {
            host.of(task).store(answers, Ordering::Relaxed);
        }
        let up = self.hosts.iter().all(Answers::all);
        if self.up.swap(up, Ordering::Relaxed) != up {
            self.since.store(now.as_millis(), Ordering::Relaxed);
        }
        up
    }

    /// Whether every host answers every task.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Since when that is as it is.
    pub(super) fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.since.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_bridge_is_away() {
        let at = Timestamp::from_millis;
        let standing = Standing::new(2, at(1));
        assert!(!standing.note(0, Task::Groups, true, at(2)));
        assert_eq!(standing.since(), at(1));
        assert!(standing.note(1, Task::Groups, true, at(3)));
        assert!(standing.note(0, Task::Groups, true, at(4)));
        assert_eq!((standing.is_up(), standing.since()), (true, at(3)));
        assert!(!standing.note(1, Task::Telling, false, at(5)));
        assert!(!standing.note(0, Task::Reading, false, at(6)));
        assert!(!standing.note(1, Task::Telling, true, at(7)));
        assert_eq!((standing.is_up(), standing.since()), (false, at(5)));
        assert!(standing.note(0, Task::Reading, true, at(8)));
    }
}
