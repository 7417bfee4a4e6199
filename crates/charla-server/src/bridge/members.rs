//! Which groups this node is a member of: those of the chats and people that somebody here listens to.
//!
//! All nodes' members have one queue, so that whatever is sent to a group comes once. A group that nobody listens to any more
//! is left by a score that lets the member expire, not by removing it: who comes back in a moment has missed nothing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Shared;
use super::link::Patience;
use super::standing::Task;
use crate::broker::redis::link::{Commands, Link};
use crate::broker::remote::ended::Ended;

/// How long whoever enters a chat waits for its group before it goes in regardless.
const JOINED_WITHIN: Duration = Duration::from_secs(2);
/// How often all groups are joined anew, at least: a Redis that was emptied tells nobody.
const RENEW_EVERY: Duration = Duration::from_secs(30);
/// How often the connection is tried while nothing else is said.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Groups joined in one go.
const AT_ONCE: usize = 500;

#[derive(Default)]
struct Entry {
    listeners: usize,
    joined: bool,
    // As many as there are connections that enter at this moment.
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Default)]
struct State {
    groups: HashMap<String, Entry>,
    dirty: HashSet<String>,
    connected: bool,
}

/// The groups whose server is one of the hosts.
#[derive(Default)]
pub(super) struct Members {
    state: Mutex<State>,
    errand: Notify,
}

impl Members {
    /// One more listener.
    pub(super) fn follow(&self, group: &str) {
        let mut state = self.state.lock();
        let entry = state.groups.entry(group.to_owned()).or_default();
        entry.listeners += 1;
        if entry.listeners == 1 {
            state.dirty.insert(group.to_owned());
            self.errand.notify_one();
        }
    }

    /// One less.
    pub(super) fn leave(&self, group: &str) {
        let mut state = self.state.lock();
        let Some(entry) = state.groups.get_mut(group) else {
            return;
        };
        entry.listeners = entry.listeners.saturating_sub(1);
        if entry.listeners == 0 {
            entry.joined = false;
            entry.waiting.clear();
            state.dirty.insert(group.to_owned());
            self.errand.notify_one();
        }
    }

    /// Waits until the group is joined, or cannot be now.
    pub(super) async fn followed(&self, group: &str) {
        let joined = {
            let mut state = self.state.lock();
            let connected = state.connected;
            let Some(entry) = state.groups.get_mut(group) else {
                return;
            };
            if entry.joined || !connected {
                return;
            }
            let (tell, told) = oneshot::channel();
            entry.waiting.push(tell);
            told
        };
        // Not in time, or not at all: what is said in the group meanwhile is heard by the others alone.
        let _ = timeout(JOINED_WITHIN, joined).await;
    }

    /// Every group is to be joined again.
    fn renew(&self) {
        let mut state = self.state.lock();
        state.connected = true;
        let State { groups, dirty, .. } = &mut *state;
        dirty.extend(groups.keys().cloned());
    }

    fn disconnect(&self) {
        let mut state = self.state.lock();
        state.connected = false;
        for entry in state.groups.values_mut() {
            entry.joined = false;
            entry.waiting.clear();
        }
    }

    /// Up to so many groups that changed, and whether somebody listens to each.
    fn errands(&self) -> Vec<(String, bool)> {
        let mut state = self.state.lock();
        let some: Vec<String> = state.dirty.iter().take(AT_ONCE).cloned().collect();
        let mut errands = Vec::with_capacity(some.len());
        for group in some {
            state.dirty.remove(&group);
            let is_wanted = state.groups.get(&group).is_some_and(|entry| entry.listeners > 0);
            if !is_wanted {
                state.groups.remove(&group);
            }
            errands.push((group, is_wanted));
        }
        errands
    }

    /// These were carried out.
    fn done(&self, errands: Vec<(String, bool)>) {
        let mut state = self.state.lock();
        let State { groups, dirty, .. } = &mut *state;
        for (group, is_wanted) in errands {
            if let Some(entry) = groups.get_mut(&group)
                && is_wanted
                && !dirty.contains(&group)
            {
                entry.joined = true;
                for waiting in entry.waiting.drain(..) {
                    // Whoever waited may have gone.
                    let _ = waiting.send(());
                }
            }
        }
    }

    /// How many groups have a listener.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.lock().groups.len()
    }
}

/// Keeps this node a member of its groups on one of the hosts, and knows whether that host answers. Never ends.
pub(super) async fn keep(shared: std::sync::Arc<Shared>, place: usize) {
    let Some((host, members)) = shared.hosts.get(place).zip(shared.members.get(place)) else {
        return;
    };
    let mut patience = Patience::new("groups");
    loop {
        let ended = match host.connect().await {
            Ok(link) => {
                patience.restore();
                kept(&shared, place, members, link).await
            }
            Err(ended) => ended,
        };
        members.disconnect();
        shared.answers(place, Task::Groups, false);
        patience.wait_after(host, &ended, shared.figures()).await;
    }
}

async fn kept(shared: &Shared, place: usize, members: &Members, mut link: Link) -> Ended {
    members.renew();
    let (mut renewals, mut probes) = (interval(RENEW_EVERY), interval(PROBE_EVERY));
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let errands = members.errands();
        let mut commands = Commands::default();
        for (group, is_wanted) in &errands {
            put_membership(&mut commands, shared, group, *is_wanted);
        }
        if commands.is_empty() {
            tokio::select! {
                () = members.errand.notified() => continue,
                _ = renewals.tick() => {
                    members.renew();
                    continue;
                }
                _ = probes.tick() => commands.put(&[b"PING"]),
            }
        }
        if let Err(ended) = link.ask(&commands).await {
            return ended;
        }
        shared.answers(place, Task::Groups, true);
        members.done(errands);
    }
}

/// Joins a group, or has the membership end after a while.
fn put_membership(commands: &mut Commands, shared: &Shared, group: &str, is_wanted: bool) {
    let Some(queue) = &shared.queue else { return };
    let key = shared.group_key(group);
    let life = shared.settings.group_expiry;
    let now = shared.now();
    let score = if is_wanted {
        now
    } else {
        now - life.as_secs_f64() + shared.settings.linger.min(life).as_secs_f64()
    };
    let member = queue.member(group);
    commands.put(&[
        b"ZADD",
        key.as_bytes(),
        format!("{score:.6}").as_bytes(),
        member.as_bytes(),
    ]);
    commands.put(&[b"EXPIRE", key.as_bytes(), life.as_secs().to_string().as_bytes()]);
}

/// All groups of this node end after a while: it goes. As far as that can be said in a moment.
pub(super) async fn leave_all(shared: &Shared) {
    for (host, members) in shared.hosts.iter().zip(&shared.members) {
        if let Ok(mut link) = host.connect().await {
            let groups: Vec<String> = members.state.lock().groups.keys().cloned().collect();
            for some in groups.chunks(AT_ONCE) {
                let mut commands = Commands::default();
                for group in some {
                    put_membership(&mut commands, shared, group, false);
                }
                if !commands.is_empty() && link.ask(&commands).await.is_err() {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errands(members: &Members) -> Vec<(String, bool)> {
        let errands = members.errands();
        members.done(errands.clone());
        errands
    }

    #[tokio::test]
    async fn the_first_listener_joins_and_the_last_leaves() {
        let members = Members::default();
        members.renew();
        members.follow("chat_5");
        members.follow("chat_5");
        assert_eq!(errands(&members), [("chat_5".to_owned(), true)]);
        members.followed("chat_5").await;
        members.leave("chat_5");
        assert_eq!(errands(&members), []);
        members.leave("chat_5");
        assert_eq!(errands(&members), [("chat_5".to_owned(), false)]);
        assert_eq!(members.len(), 0);
    }

    #[tokio::test]
    async fn whoever_comes_back_while_it_is_left_is_waited_for() {
        let members = Members::default();
        members.renew();
        members.follow("chat_5");
        errands(&members);
        members.leave("chat_5");
        let leaving = members.errands();
        members.follow("chat_5");
        members.done(leaving);
        let entered = members.followed("chat_5");
        tokio::pin!(entered);
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(entered.as_mut().poll(context)))
                .await
                .is_pending()
        );
        assert_eq!(errands(&members), [("chat_5".to_owned(), true)]);
        entered.await;
        members.disconnect();
        members.followed("chat_5").await;
        members.renew();
        assert_eq!(errands(&members), [("chat_5".to_owned(), true)]);
    }
}
