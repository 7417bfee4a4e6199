//! A search in the ledgers of all nodes: asked over the bus, gathered for a while; who does not answer is named.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use charla_core::NodeId;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::ConsoleWord;
use super::ledger::{Found, Query};
use crate::happening::NodeWord;
use crate::node::Node;

/// Searches under way at once.
const SEARCHES_MAX: usize = 16;
/// How long answers are waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Answers that may wait to be taken; a node answers once.
const ANSWERS_WAITING: usize = 64;

/// More searches are under way than may be.
#[derive(Debug)]
pub(crate) struct TooManySearches;

/// What all nodes have.
pub(crate) struct Answers {
    /// Of each that answered, this one first.
    pub(crate) found: Vec<(NodeId, Found)>,
    /// Those that did not.
    pub(crate) missing: Vec<NodeId>,
}

struct Asked {
    missing: HashSet<NodeId>,
    tell: mpsc::Sender<Answer>,
}

/// What a node says; nothing when it is gone.
type Answer = (NodeId, Option<Found>);

#[derive(Default)]
struct Underway {
    number: u64,
    asked: HashMap<u64, Asked>,
}

/// Searches of this node that others have not all answered.
#[derive(Default)]
pub(super) struct Searches {
    underway: Mutex<Underway>,
}

impl Searches {
    fn begin(&self, peers: &[NodeId]) -> Result<(u64, mpsc::Receiver<Answer>), TooManySearches> {
        let mut underway = self.underway.lock();
        if underway.asked.len() >= SEARCHES_MAX {
            return Err(TooManySearches);
        }
        underway.number += 1;
        let number = underway.number;
        let (tell, told) = mpsc::channel(ANSWERS_WAITING);
        let missing = peers.iter().copied().collect();
        underway.asked.insert(number, Asked { missing, tell });
        Ok((number, told))
    }

    /// A node answers.
    pub(super) fn answered(&self, number: u64, from: NodeId, found: Found) {
        if let Some(asked) = self.underway.lock().asked.get_mut(&number)
            && asked.missing.remove(&from)
        {
            // Full or given up: the node is named as one that did not answer.
            let _ = asked.tell.try_send((from, Some(found)));
        }
    }

    /// A node is gone: nobody waits for it.
    pub(super) fn node_gone(&self, gone: NodeId) {
        for asked in self.underway.lock().asked.values_mut() {
            if asked.missing.remove(&gone) {
                let _ = asked.tell.try_send((gone, None));
            }
        }
    }

    fn end(&self, number: u64) {
        self.underway.lock().asked.remove(&number);
    }
}

/// Ends a search, however it ends.
struct Ending<'a>(&'a Searches, u64);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

impl Node {
    /// Looks on all nodes.
    ///
    /// # Errors
    /// [`TooManySearches`].
    pub(crate) async fn search_everywhere(&self, query: &Query) -> Result<Answers, TooManySearches> {
        let peers: Vec<NodeId> = self.peers().ids().collect();
        let (number, mut told) = self.console.searches.begin(&peers)?;
        let _ending = Ending(&self.console.searches, number);
        let mut missing: HashSet<NodeId> = peers.iter().copied().collect();
        if !self.is_degraded() {
            for peer in &peers {
                let word = ConsoleWord::Search {
                    number,
                    query: query.clone(),
                };
                self.say(Some(*peer), NodeWord::Console(Box::new(word)));
            }
        }
        let mut found = vec![(self.id(), self.search_here(query))];
        let until = Instant::now() + ANSWERED_WITHIN;
        let mut waits = if self.is_degraded() { 0 } else { peers.len() };
        while waits > 0
            && let Ok(Some((from, answer))) = timeout_at(until, told.recv()).await
        {
            waits -= 1;
            if let Some(answer) = answer {
                missing.remove(&from);
                found.push((from, answer));
            }
        }
        let mut missing: Vec<NodeId> = missing.into_iter().collect();
        missing.sort();
        Ok(Answers { found, missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId::from_u128(1);

    fn nothing() -> Found {
        Found {
            entries: Vec::new(),
            more: false,
            since: None,
        }
    }

    #[test]
    fn each_answers_once_and_only_what_was_asked() {
        let searches = Searches::default();
        let (number, mut told) = searches.begin(&[A]).unwrap();
        searches.answered(number, NodeId::from_u128(9), nothing());
        searches.answered(number + 1, A, nothing());
        assert!(told.try_recv().is_err());
        searches.answered(number, A, nothing());
        searches.answered(number, A, nothing());
        assert_eq!(told.try_recv().unwrap().0, A);
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn searches_have_a_bound_and_nobody_waits_for_the_dead() {
        let searches = Searches::default();
        let mut all: Vec<_> = (0..SEARCHES_MAX).map(|_| searches.begin(&[A]).unwrap()).collect();
        assert!(searches.begin(&[A]).is_err());
        searches.node_gone(A);
        let (number, mut told) = all.pop().unwrap();
        assert!(told.try_recv().unwrap().1.is_none());
        drop(Ending(&searches, number));
        assert!(searches.begin(&[A]).is_ok());
    }
}
