//! From Charla to Channels: what `group_send` does, event after event, in the order in which they were stored.
//!
//! Where `group_send` drops what a process has no room for, it waits here, in a queue for each process, while that process
//! takes anything in at all.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::codec::Event;
use super::link::Patience;
use super::said::Said;
use super::shard::shard;
use super::standing::Task;
use crate::broker::redis::link::{Commands, Link};
use crate::broker::redis::resp::Value;
use crate::broker::remote::ended::Ended;
use crate::settings::ChannelLayer;

/// Events looked at in one go.
const AT_ONCE: usize = 64;
/// Events that wait for one process.
const WAITING_MAX: usize = 10_000;
/// A process that takes nothing in for so long is not waited for.
const STUCK_AFTER: Duration = Duration::from_secs(10);
/// A process that was given up and is not heard of for so long is forgotten.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Between two looks whether a full process has room.
const TRY_EVERY: Duration = Duration::from_millis(10);
/// Between the scores of two messages, in seconds: what a double can tell apart.
const SCORE_STEP: f64 = 0.000_002;

/// Puts messages into a process' queue while it has room; how many. The same batch again is not put in twice, though its
/// answer was lost.
const PUT: &str = "\
local before = redis.call('GET', KEYS[2])
if before then
  local batch, added = string.match(before, '^(%S+) (%d+)$')
  if batch == ARGV[1] then return tonumber(added) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[2])
local room = tonumber(ARGV[3]) - redis.call('ZCARD', KEYS[1])
local added = 0
for i = 5, #ARGV, 2 do
  if added >= room then break end
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
  added = added + 1
end
if added > 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. added, 'EX', 60)
return added";

/// A message for one process, with its score.
struct Waiting {
    score: f64,
    bytes: Vec<u8>,
}

/// What waits for one process of the application.
struct Queue {
    waiting: VecDeque<Waiting>,
    moved_at: Instant,
    stuck: bool,
    /// The batch that is on its way, or will be next.
    batch: u64,
    size: usize,
}

/// Tells Channels.
pub(super) struct Outward {
    shared: Arc<Shared>,
    said: mpsc::Receiver<(u64, Said)>,
    links: Vec<Option<Link>>,
    queues: HashMap<String, Queue>,
    // Heard from the node, not yet handed to queues.
    events: VecDeque<(u64, String, Event)>,
    last_score: f64,
    batches: u64,
}

impl Outward {
    pub(super) fn new(shared: Arc<Shared>, said: mpsc::Receiver<(u64, Said)>) -> Self {
        Self {
            links: shared.hosts.iter().map(|_| None).collect(),
            shared,
            said,
            queues: HashMap::new(),
            events: VecDeque::new(),
            last_score: 0.0,
            batches: 0,
        }
    }

    /// Never ends.
    pub(super) async fn run(mut self) {
        let mut patience = Patience::new("sending");
        loop {
            if let Err((place, ended)) = self.step().await {
                if let Some(link) = self.links.get_mut(place) {
                    *link = None;
                }
                if matches!(ended, Ended::Refused(_)) {
                    self.shared.answers(place, Task::Telling, false);
                }
                if let Some(host) = self.shared.hosts.get(place) {
                    let shared = Arc::clone(&self.shared);
                    patience.wait_after(host, &ended, shared.figures()).await;
                    self.forget_expired(&shared);
                }
            } else {
                patience.restore();
            }
        }
    }

    /// Takes in what was said, and hands on what can be.
    async fn step(&mut self) -> Result<(), (usize, Ended)> {
        let is_full = self.queues.values().any(|queue| !queue.waiting.is_empty());
        if self.events.is_empty() {
            let mut heard = Vec::new();
            if is_full {
                tokio::select! {
                    _ = self.said.recv_many(&mut heard, AT_ONCE) => {}
                    // sleeps because a process that takes something out of its queue tells nobody
                    () = tokio::time::sleep(TRY_EVERY) => {}
                }
            } else if self.said.recv_many(&mut heard, AT_ONCE).await == 0 {
                // The node is gone.
                std::future::pending::<()>().await;
            }
            for (at, said) in heard {
                if let Some((group, event)) = self.shared.meaning.tell(&said) {
                    self.events.push_back((at, group, event));
                }
            }
        }
        match self.shared.layer {
            ChannelLayer::Core => {
                self.spread().await?;
                self.flush().await
            }
            ChannelLayer::PubSub => self.publish().await,
        }
    }

    /// What nobody waits for any more, as in Channels itself.
    fn forget_expired(&mut self, shared: &Shared) {
        let oldest = shared.seconds().saturating_sub(shared.settings.expiry.as_secs());
        let mut heard: Vec<(u64, Said)> = Vec::new();
        while heard.len() < super::SAID_MAX
            && let Ok(said) = self.said.try_recv()
        {
            heard.push(said);
        }
        let told = heard.into_iter().filter_map(|(at, said)| {
            let (group, event) = shared.meaning.tell(&said)?;
            Some((at, group, event))
        });
        self.events.extend(told);
        let (before, room) = (self.events.len(), super::SAID_MAX);
        self.events.retain(|(at, ..)| *at >= oldest);
        let beyond = self.events.len().saturating_sub(room);
        self.events.drain(..beyond);
        let lost = before - self.events.len();
        shared
            .figures()
            .lose(lost, "the Redis of Django Channels was away");
    }

    async fn link(&mut self, place: usize) -> Result<&mut Link, (usize, Ended)> {
        let gone = || Ended::Garbled("list of hosts");
        let host = self.shared.hosts.get(place).ok_or_else(|| (place, gone()))?;
        let link = self.links.get_mut(place).ok_or_else(|| (place, gone()))?;
        if link.is_none() {
            *link = Some(host.connect().await.map_err(|ended| (place, ended))?);
        }
        link.as_mut().ok_or_else(|| (place, gone()))
    }

    /// Publishes what was said. What was under way when a connection broke is not said again: it may have been heard.
    async fn publish(&mut self) -> Result<(), (usize, Ended)> {
        let hosts = self.shared.hosts.len();
        while let Some((_, group, _)) = self.events.front() {
            let place = shard(&self.shared.channel(group), hosts);
            self.link(place).await?;
            let mut commands = Commands::default();
            let mut count = 0_usize;
            while let Some((_, group, _)) = self.events.front()
                && shard(&self.shared.channel(group), hosts) == place
                && let Some((_, group, event)) = self.events.pop_front()
            {
                let bytes = self.shared.codec.write(&event, self.shared.seconds());
                commands.put(&[b"PUBLISH", self.shared.channel(&group).as_bytes(), &bytes]);
                count += 1;
            }
            match self.link(place).await?.ask(&commands).await {
                Ok(_) => {
                    self.shared.figures().sent.inc_by(count as u64);
                    self.shared.answers(place, Task::Telling, true);
                }
                Err(ended) => {
                    self.shared
                        .figures()
                        .lose(count, "the connection to the Redis of Django Channels broke");
                    return Err((place, ended));
                }
            }
        }
        Ok(())
    }

    /// Finds out who is in the groups, and puts a message into the queue of each of their processes.
    async fn spread(&mut self) -> Result<(), (usize, Ended)> {
        let hosts = self.shared.hosts.len();
        while let Some((_, group, _)) = self.events.front() {
            let place = shard(group, hosts);
            let mut groups: Vec<String> = Vec::new();
            let here = self
                .events
                .iter()
                .take(AT_ONCE)
                .take_while(|(_, group, _)| shard(group, hosts) == place);
            let count = here.clone().count();
            for (_, group, _) in here {
                if !groups.contains(group) {
                    groups.push(group.clone());
                }
            }
            let members = self.members(place, &groups).await?;
            for _ in 0..count {
                let Some((_, group, event)) = self.events.pop_front() else {
                    break;
                };
                let queues = groups.iter().position(|one| *one == group);
                if let Some(queues) = queues.and_then(|at| members.get(at)) {
                    for (queue, names) in queues {
                        self.enqueue(queue, names, &event);
                    }
                }
                self.shared.figures().sent.inc();
            }
        }
        Ok(())
    }

    /// The members of groups, by the queues of their processes; our own left out.
    async fn members(
        &mut self,
        place: usize,
        groups: &[String],
    ) -> Result<Vec<Vec<(String, Vec<String>)>>, (usize, Ended)> {
        let shared = Arc::clone(&self.shared);
        let oldest = shared
            .seconds()
            .saturating_sub(shared.settings.group_expiry.as_secs())
            .to_string();
        let mut commands = Commands::default();
        for group in groups {
            let key = shared.group_key(group);
            commands.put(&[b"ZREMRANGEBYSCORE", key.as_bytes(), b"0", oldest.as_bytes()]);
            commands.put(&[b"ZRANGE", key.as_bytes(), b"0", b"-1"]);
        }
        let answers = self.link(place).await?.ask(&commands).await;
        let answers = answers.map_err(|ended| (place, ended))?;
        let own = shared.queue.as_ref().map(super::Queue::name);
        let lists = answers.iter().skip(1).step_by(2);
        Ok(lists
            .map(|list| {
                let mut queues: Vec<(String, Vec<String>)> = Vec::new();
                let mut places: HashMap<String, usize> = HashMap::new();
                for name in list.items().iter().filter_map(Value::text) {
                    let queue = match name.split_once('!') {
                        Some((process, _)) => format!("{process}!"),
                        None => name.to_owned(),
                    };
                    if Some(queue.as_str()) == own {
                        continue;
                    }
                    let at = *places.entry(queue.clone()).or_insert_with(|| {
                        queues.push((queue, Vec::new()));
                        queues.len() - 1
                    });
                    if let Some((_, names)) = queues.get_mut(at) {
                        names.push(name.to_owned());
                    }
                }
                queues
            })
            .collect())
    }

    fn enqueue(&mut self, name: &str, members: &[String], event: &Event) {
        let mut event = event.clone();
        event.insert("__asgi_channel__".into(), members.into());
        let bytes = self.shared.codec.write(&event, self.shared.seconds());
        let score = self.shared.now().max(self.last_score + SCORE_STEP);
        self.last_score = score;
        let queue = self.queues.entry(name.to_owned()).or_insert_with(|| Queue {
            waiting: VecDeque::new(),
            moved_at: Instant::now(),
            stuck: false,
            batch: 0,
            size: 0,
        });
        if queue.waiting.is_empty() {
            queue.moved_at = Instant::now();
        }
        if queue.waiting.len() >= WAITING_MAX {
            self.shared.figures().overflow(1, name);
            return;
        }
        queue.waiting.push_back(Waiting { score, bytes });
    }

    /// Hands to every process what it has room for.
    async fn flush(&mut self) -> Result<(), (usize, Ended)> {
        for place in 0..self.shared.hosts.len() {
            let (commands, names) = self.batches(place);
            if !commands.is_empty() {
                let answers = self.link(place).await?.ask(&commands).await;
                let answers = answers.map_err(|ended| (place, ended))?;
                for (name, answer) in names.iter().zip(&answers) {
                    self.took(name, answer.number().unwrap_or(0));
                }
            }
            self.shared.answers(place, Task::Telling, true);
        }
        self.queues.retain(|_, queue| {
            !queue.waiting.is_empty() || (queue.stuck && queue.moved_at.elapsed() < REMEMBERED)
        });
        Ok(())
    }

    /// A batch for each process whose queue is on a host.
    fn batches(&mut self, place: usize) -> (Commands, Vec<String>) {
        let shared = Arc::clone(&self.shared);
        // The other half is the application's own: it drops what has no room, and does not wait.
        let capacity = (shared.settings.capacity / 2).max(1);
        let expiry = shared.settings.expiry.as_secs();
        let oldest = shared.seconds().saturating_sub(expiry).to_string();
        let (capacity_text, expiry_text) = (capacity.to_string(), expiry.to_string());
        let (mut commands, mut names) = (Commands::default(), Vec::new());
        for (name, queue) in &mut self.queues {
            if queue.waiting.is_empty() || shard(name, shared.hosts.len()) != place {
                continue;
            }
            if queue.size == 0 {
                // Another number for another batch; one whose answer was lost goes out again as it was.
                self.batches += 1;
                queue.batch = self.batches;
                queue.size = queue.waiting.len().min(capacity);
            }
            let key = format!("{}{name}", shared.settings.prefix);
            let last = format!("{key}$charla-{}", shared.node);
            let batch = queue.batch.to_string();
            let scores: Vec<String> = queue
                .waiting
                .iter()
                .take(queue.size)
                .map(|waiting| format!("{:.6}", waiting.score))
                .collect();
            let mut words: Vec<&[u8]> = vec![b"EVAL", PUT.as_bytes(), b"2", key.as_bytes(), last.as_bytes()];
            words.extend([
                batch.as_bytes(),
                oldest.as_bytes(),
                capacity_text.as_bytes(),
                expiry_text.as_bytes(),
            ]);
            for (waiting, score) in queue.waiting.iter().zip(&scores) {
                words.extend([score.as_bytes(), waiting.bytes.as_slice()]);
            }
            commands.put(&words);
            names.push(name.clone());
        }
        (commands, names)
    }

    /// A process had room for so many.
    fn took(&mut self, name: &str, count: usize) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        queue.size = 0;
        queue.waiting.drain(..count.min(queue.waiting.len()));
        if count > 0 {
            queue.moved_at = Instant::now();
            queue.stuck = false;
        }
        if !queue.waiting.is_empty() && (queue.stuck || queue.moved_at.elapsed() > STUCK_AFTER) {
            queue.stuck = true;
            let count = queue.waiting.len();
            queue.waiting.clear();
            self.shared.figures().overflow(count, name);
        }
    }
}
