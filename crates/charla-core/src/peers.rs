//! The other nodes, as far as they are heard: [`Peers`].
//!
//! A node that is silent for longer than its time to live is gone. Silence proves nothing while the bus is away, nor
//! while this node itself stood still: whoever was known then stays known until it had its time again.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::Millis;

/// A node from one start to its end; the next start is another node.
pub type NodeId = Uuid;

/// What a node says of itself, again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// How people tell it from the others.
    pub name: Arc<str>,
    /// Handshakes a second that it can complete now; 0 when nobody should be sent there.
    pub accept_rate: f64,
    /// Clients that are connected to it.
    pub connections: u64,
    /// Which release it is; empty where it does not say.
    pub version: Arc<str>,
    /// It is on its way out.
    pub leaving: bool,
    /// Its store answered when it looked last.
    pub store_up: bool,
}

/// A node that is heard, and what it said of itself last.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Which.
    pub node: NodeId,
    /// Its own words.
    pub beat: &'a Beat,
    /// When it was heard last.
    pub at: Millis,
}

#[derive(Debug)]
struct Peer {
    // `None` until it says more than that it lives.
    beat: Option<Beat>,
    heard_at: Millis,
    gone_at: Millis,
}

/// The other nodes.
#[derive(Debug)]
pub struct Peers {
    ttl: Millis,
    nodes: HashMap<NodeId, Peer>,
    held: bool,
    looked_at: Millis,
}

impl Peers {
    /// Nobody yet; a node is gone after `ttl` of silence.
    #[must_use]
    pub fn new(ttl: Millis) -> Self {
        Self {
            ttl,
            nodes: HashMap::new(),
            held: false,
            looked_at: 0,
        }
    }

    /// A node said something, perhaps of itself; whether it did the latter for the first time.
    pub fn heard(&mut self, node: NodeId, beat: Option<Beat>, now: Millis) -> bool {
        let gone_at = now + self.ttl;
        let peer = self.nodes.entry(node).or_insert(Peer {
            beat: None,
            heard_at: now,
            gone_at,
        });
        (peer.heard_at, peer.gone_at) = (now, gone_at);
        let is_first = peer.beat.is_none() && beat.is_some();
        if beat.is_some() {
            peer.beat = beat;
        }
        is_first
    }

    /// A node said good-bye; whether it was known.
    pub fn left(&mut self, node: NodeId) -> bool {
        self.nodes.remove(&node).is_some()
    }

    /// The bus is away: nobody can be heard.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// The bus is back: everybody has its whole time to be heard again.
    pub fn release(&mut self, now: Millis) {
        self.held = false;
        self.give_time(now);
    }

    fn give_time(&mut self, now: Millis) {
        for peer in self.nodes.values_mut() {
            peer.gone_at = now + self.ttl;
        }
    }

    /// Those who were silent for too long: they are gone now.
    pub fn handle_timeout(&mut self, now: Millis) -> Vec<NodeId> {
        let stood_still = now.saturating_sub(self.looked_at) > self.ttl / 2;
        self.looked_at = now;
        if self.held {
            return Vec::new();
        }
        if stood_still {
            // What was said meanwhile has not been read yet.
            self.give_time(now);
            return Vec::new();
        }
        let gone = |(node, peer): (&NodeId, &Peer)| (peer.gone_at <= now).then_some(*node);
        let gone: Vec<NodeId> = self.nodes.iter().filter_map(gone).collect();
        for node in &gone {
            self.nodes.remove(node);
        }
        gone
    }

    /// Who is there.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// Who is there, and what each said of itself last.
    pub fn beats(&self) -> impl Iterator<Item = Heard<'_>> {
        self.nodes.iter().filter_map(|(node, peer)| {
            Some(Heard {
                node: *node,
                beat: peer.beat.as_ref()?,
                at: peer.heard_at,
            })
        })
    }

    /// Handshakes a second that the others can complete together.
    #[must_use]
    pub fn accept_rate(&self) -> f64 {
        self.beats().map(|heard| heard.beat.accept_rate).sum()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether this node is alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = Uuid::from_u128(1);
    const B: NodeId = Uuid::from_u128(2);

    fn beat(accept_rate: f64) -> Option<Beat> {
        Some(Beat {
            name: "a:9001".into(),
            accept_rate,
            connections: 3,
            version: "1.0.0".into(),
            leaving: false,
            store_up: true,
        })
    }

    /// Looks every half second, as the server does.
    fn gone(peers: &mut Peers, from: Millis, to: Millis) -> Vec<(Millis, NodeId)> {
        let times = (from..=to).step_by(500);
        times
            .flat_map(|now| peers.handle_timeout(now).into_iter().map(move |node| (now, node)))
            .collect()
    }

    #[test]
    fn silence_is_an_end_and_so_is_a_good_bye() {
        let mut peers = Peers::new(10_000);
        assert!(peers.heard(A, beat(100.0), 0));
        assert!(!peers.heard(B, None, 1_000));
        assert_eq!(gone(&mut peers, 0, 9_500), []);
        assert!(peers.heard(B, beat(50.0), 9_000));
        assert_eq!(peers.accept_rate(), 150.0);
        assert_eq!(gone(&mut peers, 10_000, 18_500), [(10_000, A)]);
        assert_eq!(peers.accept_rate(), 50.0);
        assert!(peers.left(B) && !peers.left(B));
        assert!(peers.is_empty());
    }

    #[test]
    fn nobody_is_gone_for_want_of_a_bus() {
        let mut peers = Peers::new(10_000);
        peers.heard(A, None, 0);
        peers.heard(B, None, 0);
        peers.hold();
        assert_eq!(gone(&mut peers, 0, 60_000), []);
        peers.release(60_000);
        peers.heard(A, None, 61_000);
        assert_eq!(gone(&mut peers, 60_500, 70_500), [(70_000, B)]);
    }

    #[test]
    fn who_stood_still_itself_judges_nobody() {
        let mut peers = Peers::new(10_000);
        peers.heard(A, None, 0);
        assert_eq!(gone(&mut peers, 0, 1_000), []);
        assert!(
            peers.handle_timeout(30_000).is_empty(),
            "29 s of nothing, not of silence"
        );
        assert_eq!(gone(&mut peers, 30_500, 40_500), [(40_000, A)]);
    }
}
