//! How this node and the others know of each other, and of who is where.
//!
//! Each says that it lives, again and again; who is not heard for `broker.node_ttl` is gone with all its people. What
//! happens is told when it happens; whoever begins to listen asks for what was before, and everything is asked
//! for again now and then, so that what was lost on the way heals. Asking beats telling everybody everything: answers
//! name what both nodes have.

use std::sync::Arc;
use std::time::Duration;

use charla_core::connections::{GivesWay, Opened};
use charla_core::peers::Peers;
use charla_core::presence::News;
use charla_core::{Author, Limit, Millis, NodeId, RoomKey, UserKey};
use charla_wire::{Cause, TenantId};
use parking_lot::MutexGuard;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::broker::{Health, Topic};
use crate::happening::{Answer, Ask, Happening, NodeWord, Pulse, RoomEvent};
use crate::node::Node;
use crate::settings::WhenFull;

mod asks;
mod own;

pub(crate) use asks::Asks;
pub(crate) use own::Own;

/// Beats in a node's time to live: four may be lost.
const BEATS_IN_LIFE: u32 = 5;
/// How long questions are gathered.
const GATHER: Duration = Duration::from_millis(5);
/// How long a node that has just begun to be heard waits for the others to say that they are there.
const ROLL_CALL: Millis = 250;
/// Everything is asked for again within this time.
const ASKED_AGAIN_WITHIN: Duration = Duration::from_secs(30);
/// A limit above this many connections of one user is a program's, and counts on each node alone: every change would
/// be told with a list of them all.
const CONNECTIONS_TOLD_MAX: usize = 256;

/// Keeps in touch with the other nodes, for as long as the node lives. `name` is how people tell it from the others.
pub(crate) async fn keep_company(node: Arc<Node>, name: Arc<str>) {
    let _ = node.name.set(name);
    let Some(broker) = node.broker().filter(|broker| broker.has_peers()) else {
        return;
    };
    let mut health = broker.health();
    let _own = node.follow(Topic::Node(broker.node()));
    let mut beats = interval(node.settings.broker.node_ttl / BEATS_IN_LIFE);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut again = Again::default();
    health.mark_changed();
    loop {
        tokio::select! {
            changed = health.changed() => {
                if changed.is_err() {
                    return;
                }
                let now_is = *health.borrow_and_update();
                node.bus_is(now_is);
            }
            _ = beats.tick() => {
                node.look_at_store();
                // Behind its good-bye a beat would call it back.
                if !node.is_degraded() && !node.is_draining() {
                    node.say(None, NodeWord::Beat { beat: node.own_beat(), pulse: Pulse::Steady });
                    again.ask_some(&node, beats.period());
                }
            }
            () = node.asks.called() => node.gather().await,
        }
        if node.is_draining() {
            return;
        }
        node.put_questions();
    }
}

/// What is still to be asked for again in this turn.
#[derive(Default)]
struct Again {
    rooms: Vec<RoomKey>,
    users: Vec<UserKey>,
    at_once: (usize, usize),
}

impl Again {
    /// Has some of it asked for, so that all of it is within [`ASKED_AGAIN_WITHIN`].
    fn ask_some(&mut self, node: &Node, every: Duration) {
        if node.peers().is_empty() {
            return;
        }
        if self.rooms.is_empty() && self.users.is_empty() {
            self.rooms = node.presence.lock().heard_rooms();
            self.users = node.told_users();
            let turns = ASKED_AGAIN_WITHIN.as_millis() / every.as_millis().max(1);
            let turns = usize::try_from(turns).unwrap_or(1).max(1);
            self.at_once = (self.rooms.len().div_ceil(turns), self.users.len().div_ceil(turns));
        }
        let (rooms, users) = self.at_once;
        let rooms = self.rooms.split_off(self.rooms.len().saturating_sub(rooms));
        let users = self.users.split_off(self.users.len().saturating_sub(users));
        node.asks.ask(rooms, users);
    }
}

impl Node {
    /// The other nodes, as far as they are heard.
    pub fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock()
    }

    /// Who this node is to the others.
    pub(crate) fn id(&self) -> NodeId {
        self.broker().map_or(NodeId::nil(), |broker| broker.node())
    }

    /// Whether there is nobody to ask.
    fn is_alone(&self) -> bool {
        let can_be_heard = self.broker().is_some_and(|broker| broker.has_peers()) && !self.is_degraded();
        !can_be_heard || self.peers.lock().is_empty() && self.roll_called()
    }

    /// Whether the others have had the time to say that they are there.
    fn roll_called(&self) -> bool {
        self.roll_call
            .get()
            .is_some_and(|until| *until <= self.uptime.now())
    }

    pub(crate) fn say(&self, to: Option<NodeId>, word: NodeWord) {
        self.publish(Happening::Node {
            from: self.id(),
            to,
            word,
        });
    }

    /// The last word of a node that drains: nobody counts on it from now on, and its people may be back elsewhere.
    pub(crate) fn say_good_bye(&self) {
        self.say(None, NodeWord::GoodBye);
    }

    fn bus_is(&self, health: Health) {
        let now = self.uptime.now();
        self.note_bus(now);
        match health {
            Health::Away => {
                self.peers.lock().hold();
                self.asks.give_up();
            }
            Health::Alive => {
                self.peers.lock().release(now);
                let _ = self.roll_call.set(now + ROLL_CALL);
                let is_empty = self.users.is_empty();
                let pulse = if is_empty { Pulse::Fresh } else { Pulse::Anew };
                let beat = self.own_beat();
                self.say(None, NodeWord::Beat { beat, pulse });
                self.ask_everything();
                self.ask_all_pasts();
                self.words_lost.notify_one();
            }
        }
    }

    fn ask_everything(&self) {
        let rooms = self.presence.lock().heard_rooms();
        self.asks.ask(rooms, self.told_users());
    }

    async fn gather(&self) {
        let until_called = self
            .roll_call
            .get()
            .map_or(0, |until| until.saturating_sub(self.uptime.now()));
        tokio::time::sleep(GATHER.max(Duration::from_millis(until_called))).await;
    }

    fn put_questions(&self) {
        if !self.roll_called() {
            return;
        }
        let peers: Vec<NodeId> = self.peers.lock().ids().collect();
        while let Some(ask) = self.asks.next(&peers, self.uptime.now()) {
            self.say(None, NodeWord::Ask(Ask::clone(&ask)));
        }
    }

    /// What another node says.
    pub(crate) fn hear_node(self: &Arc<Self>, from: NodeId, to: Option<NodeId>, word: NodeWord) {
        if from == self.id() {
            return;
        }
        let now = self.uptime.now();
        match word {
            NodeWord::Beat { beat, pulse } => {
                let name = Arc::clone(&beat.name);
                let is_new = self.peers.lock().heard(from, Some(beat), now);
                if is_new {
                    tracing::info!(node = %from, %name, "another node is there");
                }
                if is_new || pulse == Pulse::Anew {
                    self.ask_past(from);
                }
                if to.is_some() || self.is_draining() {
                    return;
                }
                if is_new {
                    let beat = self.own_beat();
                    let pulse = Pulse::Steady;
                    self.say(Some(from), NodeWord::Beat { beat, pulse });
                }
                if pulse == Pulse::Anew || (is_new && pulse == Pulse::Steady) {
                    self.ask_everything();
                }
                if pulse == Pulse::Anew {
                    self.words_lost.notify_one();
                }
            }
            NodeWord::GoodBye => {
                self.forget_present(from);
                if self.peers.lock().left(from) {
                    let leaves_at = now + self.presence_linger();
                    self.forget(from, Some(leaves_at));
                }
            }
            NodeWord::Ask(ask) => {
                self.peers.lock().heard(from, None, now);
                if !self.is_draining() {
                    self.say(Some(from), NodeWord::Answer(self.answer_to(&ask)));
                }
            }
            NodeWord::Answer(answer) => {
                self.peers.lock().heard(from, None, now);
                self.believe(from, answer);
            }
            NodeWord::Console(word) => {
                self.hear_console(from, to, *word);
            }
        }
    }

    fn answer_to(&self, ask: &Ask) -> Answer {
        let presence = self.presence.lock();
        let rooms = ask.rooms.iter().map(|room| presence.statement(room)).collect();
        drop(presence);
        Answer {
            number: ask.number,
            rooms,
            users: ask.users.iter().map(|user| self.users.opened(user)).collect(),
        }
    }

    fn believe(self: &Arc<Self>, from: NodeId, answer: Answer) {
        let Some(ask) = self.asks.question(from, answer.number) else {
            return;
        };
        for (room, statement) in ask.rooms.iter().zip(&answer.rooms) {
            let moved = self.presence.lock().hear_all(from, room, statement);
            for moved in moved {
                self.show_moved(moved, None);
            }
        }
        for (user, open) in ask.users.iter().zip(answer.users) {
            self.hear_connections(from, user, open);
        }
        self.asks.settle(from, answer.number);
    }

    /// A node is gone: with `leaves_at` it said good-bye, and its people may come back until then.
    fn forget(self: &Arc<Self>, gone: NodeId, leaves_at: Option<Millis>) {
        tracing::info!(node = %gone, said_good_bye = leaves_at.is_some(), "a node is gone");
        self.asks.node_gone(gone);
        self.forget_present(gone);
        self.connections_elsewhere.lock().node_gone(gone);
        let moved = self.presence.lock().node_gone(gone, leaves_at);
        for moved in moved {
            self.show_moved(moved, None);
        }
    }

    /// Another node says that somebody is in a room on it now, or is not any more.
    pub(crate) fn hear_presence(self: &Arc<Self>, from: NodeId, room: &RoomKey, who: &Author, joined: bool) {
        if from == self.id() {
            return;
        }
        self.peers.lock().heard(from, None, self.uptime.now());
        let moved = self.presence.lock().hear(from, room, who, joined);
        if let Some(moved) = moved {
            self.show_moved(moved, None);
        }
    }

    fn show_moved(self: &Arc<Self>, moved: charla_core::presence::Moved, except: Option<Uuid>) {
        let event = RoomEvent::Presence {
            who: moved.who,
            joined: moved.joined,
        };
        self.hear_in_room(&moved.room, event, except);
    }

    /// Tells who came or went here to whoever should know.
    pub(crate) fn tell_news(self: &Arc<Self>, news: News, except: Option<Uuid>) {
        if news.to_nodes && !self.is_draining() {
            self.publish(Happening::Presence {
                from: self.id(),
                room: news.moved.room.clone(),
                who: news.moved.who.clone(),
                joined: news.moved.joined,
            });
        }
        if news.to_room {
            self.show_moved(news.moved, except);
        }
    }

    /// Somebody begins to listen to a room.
    pub(crate) fn listen(&self, room: &RoomKey) {
        if self.presence.lock().listen(room) && !self.is_alone() {
            self.asks.expect(room, self.uptime.now());
        }
    }

    /// Somebody stops.
    pub(crate) fn cease(&self, room: &RoomKey) {
        if self.presence.lock().cease(room) {
            self.asks.forget(room);
        }
    }

    /// Waits until the other nodes have said who is in a room, if they can now: not for long.
    pub(crate) async fn knows_who_is_in(&self, room: &RoomKey) {
        if let Some(answered) = self.asks.answered(room, self.uptime.now()) {
            // Dropped, or too late: what comes later is told as news.
            let _ = timeout(asks::ANSWERED_WITHIN, answered).await;
        }
    }

    /// Tells of those whose time is over: to come back, to type, to be heard.
    pub(crate) fn tell_departures(self: &Arc<Self>) {
        let now = self.uptime.now();
        let all_news = self.presence.lock().handle_timeout(now);
        for news in all_news {
            self.tell_news(news, None);
        }
        let stopped = self.typing.lock().handle_timeout(now);
        for stopped in stopped {
            let event = RoomEvent::Typing {
                by: stopped.who,
                on: false,
            };
            self.hear_in_room(&stopped.room, event, stopped.by);
        }
        let gone = self.peers.lock().handle_timeout(now);
        for node in gone {
            self.forget(node, None);
        }
    }
}

/// One person's connections on all nodes.
impl Node {
    fn counts_elsewhere(&self, tenant: &TenantId) -> bool {
        self.limits.of(tenant).settings.connections_per_user <= CONNECTIONS_TOLD_MAX
    }

    fn told_users(&self) -> Vec<UserKey> {
        let mut users = self.users.keys();
        users.retain(|user| self.counts_elsewhere(&user.tenant));
        users
    }

    /// A connection of a person begins or has ended: ends those that are too many, and has the other nodes judge too.
    pub(crate) fn connections_moved(&self, user: &UserKey) {
        let limits = self.limits.of(&user.tenant);
        let refuses = limits.settings.when_user_full == WhenFull::Refuse;
        let counts_elsewhere = self.counts_elsewhere(&user.tenant);
        if refuses && !counts_elsewhere {
            // The door has counted.
            return;
        }
        let open = self.users.opened(user);
        if open.is_empty() {
            self.connections_elsewhere.lock().forget(user);
        }
        if counts_elsewhere && !self.is_alone() && !self.is_draining() {
            if open.len() == 1 {
                self.asks.ask([], [user.clone()]);
            }
            self.publish(Happening::Connections {
                from: self.id(),
                user: user.clone(),
                open: open.clone(),
            });
        }
        self.end_surplus(user, &open);
    }

    /// Another node says which connections of a person it has.
    pub(crate) fn hear_connections(&self, from: NodeId, user: &UserKey, open: Vec<Opened>) {
        if from == self.id() {
            return;
        }
        self.peers.lock().heard(from, None, self.uptime.now());
        let own = self.users.opened(user);
        if !own.is_empty() {
            self.connections_elsewhere.lock().exactly(from, user, open);
            self.end_surplus(user, &own);
        }
    }

    fn end_surplus(&self, user: &UserKey, own: &[Opened]) {
        let limits = &self.limits.of(&user.tenant).settings;
        let (gives_way, cause) = match limits.when_user_full {
            WhenFull::ReplaceOldest => (GivesWay::Oldest, Cause::SessionReplaced),
            WhenFull::Refuse => (GivesWay::Newest, Cause::TooManyConnections),
        };
        let elsewhere = self.connections_elsewhere.lock();
        let surplus = elsewhere.surplus(user, own, limits.connections_per_user, gives_way);
        drop(elsewhere);
        if surplus.is_empty() {
            return;
        }
        for connection in self.users.connections(user) {
            if surplus.iter().any(|one| one.id == connection.opening.id) {
                self.note_limit(Limit::ConnectionsPerUser, Some(&user.tenant));
                let detail = Limit::ConnectionsPerUser.to_string();
                connection.close(cause, &self.returns.detail(cause, &detail));
            }
        }
    }
}
