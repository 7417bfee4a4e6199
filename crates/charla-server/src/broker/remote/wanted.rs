//! Which topics this node wants to hear, and which it does: [`Wanted`].
//!
//! A topic counts as heard when every subscription sent for it has been confirmed and nothing about it waits to be
//! sent: a confirmation may belong to a subscription that an unsubscription has overtaken.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use crate::broker::Topic;

#[derive(Debug, Default)]
struct Entry {
    listeners: usize,
    unconfirmed: usize,
    heard: bool,
    // As many as there are connections that enter at this moment.
    waiting: Vec<oneshot::Sender<()>>,
}

/// What is to be said to the bus next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::broker) struct Errands {
    pub(in crate::broker) subscribe: Vec<Topic>,
    pub(in crate::broker) unsubscribe: Vec<Topic>,
}

/// The topics with a listener.
#[derive(Debug, Default)]
pub(in crate::broker) struct Wanted {
    topics: HashMap<Topic, Entry>,
    dirty: HashSet<Topic>,
    connected: bool,
}

impl Wanted {
    /// One more listener; whether the bus has to be told.
    pub(in crate::broker) fn follow(&mut self, topic: &Topic) -> bool {
        let entry = self.topics.entry(topic.clone()).or_default();
        entry.listeners += 1;
        entry.listeners == 1 && self.dirty.insert(topic.clone())
    }

    /// One less; whether the bus has to be told.
    pub(in crate::broker) fn leave(&mut self, topic: &Topic) -> bool {
        let Some(entry) = self.topics.get_mut(topic) else {
            return false;
        };
        entry.listeners = entry.listeners.saturating_sub(1);
        if entry.listeners > 0 {
            return false;
        }
        entry.heard = false;
        entry.waiting.clear();
        self.dirty.insert(topic.clone())
    }

    /// Ends, or is dropped, when the topic is heard or cannot be now; `None` when it is heard or cannot be already.
    pub(in crate::broker) fn wait(&mut self, topic: &Topic) -> Option<oneshot::Receiver<()>> {
        let entry = self.topics.get_mut(topic)?;
        if entry.heard || !self.connected {
            return None;
        }
        let (tell, told) = oneshot::channel();
        entry.waiting.push(tell);
        Some(told)
    }

    /// A connection begins: everything has to be asked for again.
    pub(in crate::broker) fn connect(&mut self) {
        self.connected = true;
        self.topics.retain(|_, entry| entry.listeners > 0);
        self.dirty = self.topics.keys().cloned().collect();
        for entry in self.topics.values_mut() {
            entry.unconfirmed = 0;
            entry.heard = false;
        }
    }

    /// The connection is gone: nobody waits for it.
    pub(in crate::broker) fn disconnect(&mut self) {
        self.connected = false;
        for entry in self.topics.values_mut() {
            entry.heard = false;
            entry.waiting.clear();
        }
    }

    /// What has changed since the last time, up to `max` topics.
    pub(in crate::broker) fn errands(&mut self, max: usize) -> Errands {
        let mut errands = Errands::default();
        let some: Vec<Topic> = self.dirty.iter().take(max).cloned().collect();
        for topic in some {
            self.dirty.remove(&topic);
            let Some(entry) = self.topics.get_mut(&topic) else {
                continue;
            };
            if entry.listeners > 0 {
                entry.unconfirmed += 1;
                errands.subscribe.push(topic);
            } else {
                if entry.unconfirmed == 0 {
                    self.topics.remove(&topic);
                }
                errands.unsubscribe.push(topic);
            }
        }
        errands
    }

    /// The bus confirms a subscription.
    pub(in crate::broker) fn confirmed(&mut self, topic: &Topic) {
        let Some(entry) = self.topics.get_mut(topic) else {
            return;
        };
        entry.unconfirmed = entry.unconfirmed.saturating_sub(1);
        if entry.unconfirmed > 0 || self.dirty.contains(topic) {
            return;
        }
        if entry.listeners == 0 {
            self.topics.remove(topic);
            return;
        }
        entry.heard = true;
        for waiting in entry.waiting.drain(..) {
            // Whoever waited may have gone.
            let _ = waiting.send(());
        }
    }

    /// The bus says that it has ended a subscription; whether nobody here had asked for that.
    pub(in crate::broker) fn lost(&mut self, topic: &Topic) -> bool {
        self.topics
            .get(topic)
            .is_some_and(|entry| entry.heard && entry.listeners > 0)
    }

    /// Takes out the topics that belong elsewhere, with their listeners; whoever waits for one goes on without it.
    pub(in crate::broker) fn give_up(&mut self, elsewhere: impl Fn(&Topic) -> bool) -> Vec<(Topic, usize)> {
        let gone: Vec<Topic> = self
            .topics
            .iter()
            .filter(|(topic, entry)| elsewhere(topic) || (!self.connected && entry.listeners == 0))
            .map(|(topic, _)| topic.clone())
            .collect();
        let mut given = Vec::new();
        for topic in gone {
            self.dirty.remove(&topic);
            if let Some(entry) = self.topics.remove(&topic)
                && entry.listeners > 0
            {
                given.push((topic, entry.listeners));
            }
        }
        given
    }

    /// Takes in a topic with its listeners.
    pub(in crate::broker) fn take_over(&mut self, topic: Topic, listeners: usize) {
        self.topics.entry(topic.clone()).or_default().listeners += listeners;
        self.dirty.insert(topic);
    }

    /// Whether nobody listens to anything.
    pub(in crate::broker) fn is_idle(&self) -> bool {
        self.topics.values().all(|entry| entry.listeners == 0)
    }

    /// Whether everything wanted is heard.
    pub(in crate::broker) fn is_whole(&self) -> bool {
        self.dirty.is_empty()
            && self
                .topics
                .values()
                .all(|entry| entry.heard || entry.listeners == 0)
    }
}

#[cfg(test)]
mod tests {
    use charla_core::RoomKey;
    use charla_wire::{ChatId, TenantId};

    use super::*;

    fn topic() -> Topic {
        Topic::Room(RoomKey {
            tenant: TenantId::parse("demo").unwrap(),
            chat: ChatId::parse("5").unwrap(),
        })
    }

    fn said(wanted: &mut Wanted) -> (usize, usize) {
        let errands = wanted.errands(10);
        (errands.subscribe.len(), errands.unsubscribe.len())
    }

    #[test]
    fn the_first_listener_subscribes_and_the_last_unsubscribes() {
        let mut wanted = Wanted::default();
        wanted.connect();
        assert!(wanted.follow(&topic()));
        assert!(!wanted.follow(&topic()));
        assert_eq!(said(&mut wanted), (1, 0));
        let mut told = wanted.wait(&topic()).unwrap();
        assert!(told.try_recv().is_err());
        wanted.confirmed(&topic());
        assert_eq!(told.try_recv(), Ok(()));
        assert!(wanted.is_whole());
        assert!(!wanted.leave(&topic()));
        assert!(wanted.leave(&topic()));
        assert_eq!(said(&mut wanted), (0, 1));
        assert!(wanted.topics.is_empty());
    }

    #[test]
    fn a_confirmation_that_was_overtaken_counts_for_nothing() {
        let mut wanted = Wanted::default();
        wanted.connect();
        wanted.follow(&topic());
        assert_eq!(said(&mut wanted), (1, 0));
        wanted.leave(&topic());
        assert_eq!(said(&mut wanted), (0, 1));
        wanted.follow(&topic());
        wanted.confirmed(&topic());
        assert!(!wanted.is_whole(), "the second subscription is not even sent");
        assert_eq!(said(&mut wanted), (1, 0));
        assert!(wanted.wait(&topic()).is_some());
        wanted.confirmed(&topic());
        assert!(wanted.is_whole() && wanted.wait(&topic()).is_none());
    }

    #[test]
    fn a_new_connection_asks_for_everything_and_a_lost_one_lets_go() {
        let mut wanted = Wanted::default();
        wanted.follow(&topic());
        assert!(
            wanted.wait(&topic()).is_none(),
            "nobody waits for a bus that is away"
        );
        wanted.connect();
        assert_eq!(said(&mut wanted), (1, 0));
        let mut told = wanted.wait(&topic()).unwrap();
        wanted.disconnect();
        assert_eq!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        wanted.connect();
        assert_eq!(said(&mut wanted), (1, 0));
        wanted.confirmed(&topic());
        assert!(wanted.is_whole());
    }
}
