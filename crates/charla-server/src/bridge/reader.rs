//! What Channels says, read by one node for all: the one that holds a lease in that Redis.
//!
//! Core layer: our queue is emptied into `$inflight`, from where a message goes only when it is carried out. Whoever takes
//! the lease over begins there; what was stored before the last reader died is known again by its id. A reader that lost its
//! lease can take nothing more: the script that takes looks at it first.
//!
//! Pub/sub layer: nothing is kept for anybody; what is said while no node holds the lease is gone, as it is for a process of
//! the application that restarts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Shared;
use super::figures::Dropped;
use super::inward::{Coming, Inward};
use super::link::Patience;
use super::shard::shard;
use super::standing::Task;
use crate::broker::redis::link::{Commands, Link};
use crate::broker::redis::resp::Value;
use crate::broker::remote::ended::Ended;
use crate::node::Node;
use crate::settings::ChannelLayer;

/// How long a reader that says nothing more keeps the others waiting.
const LEASE: Duration = Duration::from_secs(2);
/// How often it says that it is there, and the others ask.
const RENEW_EVERY: Duration = Duration::from_millis(400);
/// Messages carried out together.
const AT_ONCE: usize = 200;
/// Messages in `$inflight`: while the store is away they wait there, where no capacity counts them.
const INFLIGHT_MAX: usize = 10_000;
/// How long `$inflight` is kept when no node comes any more, in seconds.
const INFLIGHT_LIFE: &str = "86400";
/// Published messages that wait to be carried out.
const PUBLISHED_MAX: usize = 10_000;
/// Before what the store did not take is brought again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Takes or renews the lease; false while another has it.
const HOLD: &str = "\
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// With the lease: forgets what was carried out, moves what came to `$inflight`, and hands out the oldest of it.
const STEP: &str = "\
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for i = 6, #ARGV do redis.call('ZREM', KEYS[3], ARGV[i]) end
local room = tonumber(ARGV[3]) - redis.call('ZCARD', KEYS[3])
if room > 0 then
  local moved = redis.call('ZPOPMIN', KEYS[2], room)
  for i = 1, #moved, 2 do redis.call('ZADD', KEYS[3], moved[i + 1], moved[i]) end
  if #moved > 0 then redis.call('EXPIRE', KEYS[3], ARGV[5]) end
end
return redis.call('ZRANGE', KEYS[3], 0, ARGV[4], 'WITHSCORES')";

/// Gives the lease back.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1";

/// Reads one of the hosts. Never ends.
pub(super) async fn read(shared: Arc<Shared>, node: Arc<Node>, place: usize) {
    let Some(host) = shared.hosts.get(place) else {
        return;
    };
    let is_ours = match (&shared.layer, &shared.queue) {
        (ChannelLayer::Core, Some(queue)) => shard(queue.name(), shared.hosts.len()) == place,
        (ChannelLayer::Core, None) => false,
        (ChannelLayer::PubSub, _) => true,
    };
    if !is_ours {
        return;
    }
    let mut patience = Patience::new("reading");
    let mut inward = Inward::new(Arc::clone(&node));
    loop {
        let ended = match host.connect().await {
            Ok(link) => {
                patience.restore();
                let reader = Reader {
                    shared: &shared,
                    place,
                    link,
                };
                match shared.layer {
                    ChannelLayer::Core => reader.take_turns(&mut inward).await,
                    ChannelLayer::PubSub => reader.listen(&mut inward).await,
                }
            }
            Err(ended) => ended,
        };
        if !matches!(ended, Ended::Moved(_)) {
            shared.answers(place, Task::Reading, false);
        }
        patience.wait_after(host, &ended, shared.figures()).await;
    }
}

/// Gives up the lease, as far as that can be said in a moment.
pub(super) async fn release(shared: &Shared) {
    for host in &shared.hosts {
        if let Ok(mut link) = host.connect().await {
            let mut commands = Commands::default();
            let (lease, node) = (shared.lease_key(), shared.node.as_bytes());
            commands.put(&[b"EVAL", RELEASE.as_bytes(), b"1", lease.as_bytes(), node]);
            // Without an answer it runs out by itself.
            let _ = link.ask(&commands).await;
        }
    }
}

struct Reader<'s> {
    shared: &'s Arc<Shared>,
    place: usize,
    link: Link,
}

impl Reader<'_> {
    /// Core layer: takes what comes into the queue for as long as this node has the lease, and waits for it otherwise.
    async fn take_turns(mut self, inward: &mut Inward) -> Ended {
        let Some(queue) = self.shared.queue_key() else {
            return Ended::Leaving;
        };
        // Told of every change of the queue but our own: nothing has to be taken out to learn that something is in.
        let mut tracking = Commands::default();
        tracking.put(&[
            b"CLIENT",
            b"TRACKING",
            b"ON",
            b"BCAST",
            b"NOLOOP",
            b"PREFIX",
            queue.as_bytes(),
        ]);
        if let Err(ended) = self.link.ask(&tracking).await {
            return ended;
        }
        let mut ticks = interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut carried: Vec<Bytes> = Vec::new();
        loop {
            self.link.forget_unasked();
            let batch = match self.step(&queue, &carried).await {
                Ok(batch) => batch,
                Err(ended) => return ended,
            };
            self.shared.answers(self.place, Task::Reading, true);
            carried.clear();
            if batch.is_empty() {
                tokio::select! {
                    _ = ticks.tick() => {}
                    told = self.link.unasked() => if let Err(ended) = told { return ended },
                }
                continue;
            }
            let events: Vec<Coming> = batch.iter().map(|(bytes, at)| self.queued(bytes, *at)).collect();
            let done = match self.hold_while(inward.carry(&events)).await {
                Ok(done) => done,
                Err(ended) => return ended,
            };
            let is_stuck = !done.contains(&true);
            let bytes = batch.into_iter().map(|(bytes, _)| bytes);
            carried.extend(bytes.zip(done).filter_map(|(bytes, done)| done.then_some(bytes)));
            if is_stuck {
                // sleeps because a store that comes back tells nobody
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }

    /// One run of the script: the oldest messages in `$inflight`, none without the lease.
    async fn step(&mut self, queue: &str, carried: &[Bytes]) -> Result<Vec<(Bytes, u64)>, Ended> {
        let (lease, inflight) = (self.shared.lease_key(), format!("{queue}$inflight"));
        let (life, most) = (LEASE.as_millis().to_string(), INFLIGHT_MAX.to_string());
        let last = (AT_ONCE - 1).to_string();
        let mut words: Vec<&[u8]> = vec![b"EVAL", STEP.as_bytes(), b"3"];
        words.extend([&lease, queue, inflight.as_str()].map(str::as_bytes));
        words.extend([&self.shared.node, life.as_str(), &most, &last, INFLIGHT_LIFE].map(str::as_bytes));
        words.extend(carried.iter().map(|bytes| &**bytes));
        let mut commands = Commands::default();
        commands.put(&words);
        let answers = self.link.ask(&commands).await?;
        let items = answers.first().map(Value::items).unwrap_or_default();
        let pairs = items.chunks_exact(2).filter_map(|pair| match pair {
            [Value::Text(bytes), score] => Some((bytes.clone(), seconds(score))),
            _ => None,
        });
        Ok(pairs.collect())
    }

    /// Drives some work, and says meanwhile that this node is there.
    async fn hold_while<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(work);
        let mut ticks = interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once.
        ticks.tick().await;
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                _ = ticks.tick() => {
                    // Whoever has it instead begins with the same messages, and they have the same ids.
                    self.hold().await?;
                }
            }
        }
    }

    /// Takes or renews the lease; whether this node has it.
    async fn hold(&mut self) -> Result<bool, Ended> {
        let mut commands = Commands::default();
        let (lease, life) = (self.shared.lease_key(), LEASE.as_millis().to_string());
        let node = self.shared.node.as_bytes();
        commands.put(&[
            b"EVAL",
            HOLD.as_bytes(),
            b"1",
            lease.as_bytes(),
            node,
            life.as_bytes(),
        ]);
        let answers = self.link.ask(&commands).await?;
        Ok(answers.first().is_some_and(|answer| *answer != Value::Null))
    }

    /// A message of our queue.
    fn queued(&self, bytes: &[u8], sent_at: u64) -> Coming {
        let mut coming = unread();
        match self.shared.codec.read(bytes, Some(sent_at)) {
            Ok(mut read) => {
                coming.id = read.id;
                let names = read.event.remove("__asgi_channel__");
                let is_direct = names.as_ref().is_some_and(serde_json::Value::is_string);
                let name = names
                    .as_ref()
                    .and_then(|names| names.get(0))
                    .and_then(|name| name.as_str());
                let group = name.and_then(|name| name.split_once('!')?.1.split_once('.'));
                match group {
                    Some((_, group)) => self.understand(&mut coming, group, read.event),
                    None if is_direct => coming.meant = Err(Dropped::Direct),
                    None => {}
                }
            }
            Err(why) => coming.meant = Err(why.into()),
        }
        coming
    }

    fn understand(&self, coming: &mut Coming, group: &str, event: super::codec::Event) {
        group.clone_into(&mut coming.group);
        let kind = event.get("type").and_then(|kind| kind.as_str());
        kind.unwrap_or_default().clone_into(&mut coming.kind);
        coming.meant = self.shared.meaning.read(group, event);
    }

    /// Pub/sub layer: waits for the lease, subscribes, and has carried out what comes.
    async fn listen(mut self, inward: &mut Inward) -> Ended {
        let mut ticks = interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.hold().await {
                Ok(true) => break,
                // Another one reads for this one too.
                Ok(false) => self.shared.answers(self.place, Task::Reading, true),
                Err(ended) => return ended,
            }
        }
        let patterns = self.shared.meaning.patterns();
        let patterns: Vec<String> = patterns
            .iter()
            .map(|pattern| format!("{}{pattern}", escaped(&self.shared.channel(""))))
            .collect();
        let words: Vec<&[u8]> = std::iter::once(b"PSUBSCRIBE".as_slice())
            .chain(patterns.iter().map(String::as_bytes))
            .collect();
        if let Err(ended) = self.link.say(&words).await {
            return ended;
        }
        let (queue, mut published) = mpsc::channel(PUBLISHED_MAX);
        let hear = self.hear(queue, &patterns);
        let carry = async {
            let mut events = Vec::new();
            while published.recv_many(&mut events, AT_ONCE).await > 0 {
                while !events.is_empty() {
                    let mut done = inward.carry(&events).await.into_iter();
                    let before = events.len();
                    events.retain(|_| !done.next().unwrap_or(false));
                    if events.len() == before {
                        // sleeps because a store that comes back tells nobody
                        tokio::time::sleep(AGAIN_AFTER).await;
                    }
                }
            }
        };
        // What was taken in is carried out, though the connection has broken.
        let (ended, ()) = tokio::join!(hear, carry);
        ended
    }

    async fn hear(&mut self, queue: mpsc::Sender<Coming>, patterns: &[String]) -> Ended {
        let mut ticks = interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held_until = Instant::now() + LEASE;
        loop {
            let words = tokio::select! {
                biased;
                _ = ticks.tick() => {
                    let asked_at = Instant::now();
                    match self.hold().await {
                        Ok(true) => held_until = asked_at + LEASE,
                        Ok(false) => return Ended::Moved("another node reads, and this one".into()),
                        Err(ended) => return ended,
                    }
                    continue;
                }
                told = self.link.unasked() => match told {
                    Ok(words) => words,
                    Err(ended) => return ended,
                },
            };
            if words.first().is_some_and(|kind| kind.is("psubscribe")) {
                self.shared.answers(self.place, Task::Reading, true);
            }
            let [
                Value::Text(kind),
                Value::Text(pattern),
                Value::Text(channel),
                Value::Text(bytes),
            ] = words.as_slice()
            else {
                continue;
            };
            // Once it may be over, another node may read too.
            if &**kind != b"pmessage" || Instant::now() >= held_until {
                continue;
            }
            if let Some(coming) = self.published(patterns, pattern, channel, bytes)
                && queue.try_send(coming).is_err()
            {
                self.shared
                    .figures()
                    .lose(1, "more came from Django Channels than the store takes");
            }
        }
    }

    /// A message that was published; `None` for our own, and for what comes by another pattern too.
    fn published(&self, patterns: &[String], by: &[u8], channel: &[u8], bytes: &[u8]) -> Option<Coming> {
        let channel = std::str::from_utf8(channel).ok()?;
        let first = patterns.iter().find(|pattern| fits(pattern, channel))?;
        if first.as_bytes() != by {
            return None;
        }
        let group = channel.strip_prefix(&*self.shared.channel(""))?;
        let mut coming = unread();
        match self.shared.codec.read(bytes, None) {
            Ok(read) if read.is_ours => return None,
            Ok(read) => {
                coming.id = read.id;
                self.understand(&mut coming, group, read.event);
            }
            Err(why) => coming.meant = Err(why.into()),
        }
        Some(coming)
    }
}

fn unread() -> Coming {
    Coming {
        id: uuid::Uuid::nil(),
        group: String::new(),
        kind: String::new(),
        meant: Err(Dropped::Malformed),
    }
}

/// A score, as whole seconds since 1970.
fn seconds(score: &Value) -> u64 {
    let text = score.text().unwrap_or_default();
    text.split('.')
        .next()
        .and_then(|whole| whole.parse().ok())
        .unwrap_or(0)
}

/// Text that a pattern of Redis takes as it is.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Whether a pattern of ours, with stars alone, fits a name as it does in Redis.
fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    fits_from(&pattern, &name)
}

fn fits_from(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| fits_from(rest, name)))
        }
        (['\\', own, rest @ ..], [first, name @ ..]) => own == first && fits_from(rest, name),
        ([own, rest @ ..], [first, name @ ..]) => own == first && fits_from(rest, name),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_as_in_redis() {
        let prefix = escaped("a*b-c");
        assert_eq!(prefix, "a\\*b\\-c");
        for (pattern, name, is_fit) in [
            ("chat_*", "chat_5", true),
            ("*.chat_*", "acme.chat_5", true),
            ("*.chat_*", "chat_5", false),
            ("chat_*", "xchat_5", false),
            (&*format!("{prefix}*"), "a*b-c5", true),
            (&*format!("{prefix}*"), "axb-c5", false),
        ] {
            assert_eq!(fits(pattern, name), is_fit, "{pattern} {name}");
        }
    }
}
