//! One connection to Redis from its beginning to its end: what is published goes out, what was subscribed to comes in.
//!
//! RESP3 lets one connection do both, in order: when a canary published after a subscription comes back, the
//! subscription stands. A refusal ends the connection whatever was refused: nothing is left half subscribed.

use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::door::{Input, Open, refused};
use super::resp::{self, Value};
use crate::broker::Topic;
use crate::broker::remote::canary;
use crate::broker::remote::ended::Ended;
use crate::broker::remote::lane::{Outgoing, Said};
use crate::broker::remote::link::Link;
use crate::broker::remote::wire::Writing;

/// Topics taken up at once.
const TOPICS_AT_ONCE: usize = 256;
/// Bytes gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;

/// What the commands are called.
pub(super) struct Words {
    subscribe: &'static str,
    unsubscribe: &'static str,
    publish: &'static str,
    message: &'static str,
    // A cluster takes several channels in one command only if they share a slot.
    at_once: usize,
}

/// For one server, and for a master with replicas.
pub(super) const PLAIN: Words = Words {
    subscribe: "SUBSCRIBE",
    unsubscribe: "UNSUBSCRIBE",
    publish: "PUBLISH",
    message: "message",
    at_once: TOPICS_AT_ONCE,
};

/// For a shard of a cluster: what is published is not told to the other shards.
pub(super) const SHARDED: Words = Words {
    subscribe: "SSUBSCRIBE",
    unsubscribe: "SUNSUBSCRIBE",
    publish: "SPUBLISH",
    message: "smessage",
    at_once: 1,
};

/// What a connection is for.
pub(super) struct Session<'a> {
    pub(super) link: &'a Link,
    pub(super) canary: String,
    pub(super) words: &'static Words,
}

impl Session<'_> {
    /// Runs until the connection is of no use any more.
    pub(super) async fn run(&self, open: Open, said: &mut Outgoing) -> Ended {
        let Open { input, output, .. } = open;
        self.link.begin();
        let (back, canaries) = watch::channel(Instant::now());
        tokio::select! {
            ended = self.hear(input, back) => ended,
            ended = self.say(output, said) => ended,
            ended = canary::judge(self.link, canaries) => ended,
        }
    }

    async fn hear(&self, mut input: Input, back: watch::Sender<Instant>) -> Ended {
        loop {
            let pushed = match input.next().await {
                Ok(Value::Push(pushed)) => pushed,
                Ok(Value::Error(text)) => return self.ended_by(&text),
                // How many heard what was published.
                Ok(Value::Text(_) | Value::Null | Value::Several(_)) => continue,
                Err(ended) => return ended,
            };
            let [Value::Text(kind), Value::Text(channel), rest] = pushed.as_slice() else {
                continue;
            };
            let name = std::str::from_utf8(channel).unwrap_or_default();
            let kind = std::str::from_utf8(kind).unwrap_or_default();
            if kind == self.words.message {
                if name == self.canary {
                    back.send_replace(Instant::now());
                } else if let Value::Text(payload) = rest {
                    self.link.shared.heard(name, payload);
                }
            } else if kind.eq_ignore_ascii_case(self.words.subscribe) {
                self.link.confirmed(name);
            } else if kind.eq_ignore_ascii_case(self.words.unsubscribe) && self.has_lost(name) {
                return Ended::Moved(name.to_owned());
            }
        }
    }

    /// A cluster ends subscriptions of slots that move to another shard.
    fn has_lost(&self, name: &str) -> bool {
        name == self.canary
            || Topic::parse(name, &self.link.shared.prefix)
                .is_some_and(|topic| self.link.lane.wanted.lock().lost(&topic))
    }

    fn ended_by(&self, text: &[u8]) -> Ended {
        if ["MOVED ", "ASK ", "CLUSTERDOWN", "TRYAGAIN"]
            .iter()
            .any(|word| text.starts_with(word.as_bytes()))
        {
            return Ended::Moved(String::from_utf8_lossy(text).into_owned());
        }
        refused(text)
    }

    async fn say(&self, mut output: Writing, said: &mut Outgoing) -> Ended {
        let mut canaries = canary::times();
        let canary = self.canary.as_bytes();
        let publish = self.words.publish.as_bytes();
        let mut bytes = Vec::new();
        resp::put(&mut bytes, &[self.words.subscribe.as_bytes(), canary]);
        loop {
            self.put_errands(&mut bytes);
            if bytes.is_empty() {
                tokio::select! {
                    () = self.link.lane.errand.notified() => {}
                    _ = canaries.tick() => resp::put(&mut bytes, &[publish, canary, b"1"]),
                    next = said.recv() => match next {
                        Some(Said { name, payload }) => {
                            resp::put(&mut bytes, &[publish, name.as_bytes(), &payload]);
                        }
                        // The node is gone.
                        None => std::future::pending().await,
                    },
                }
                while bytes.len() < WRITE_BYTES
                    && let Ok(Said { name, payload }) = said.try_recv()
                {
                    resp::put(&mut bytes, &[publish, name.as_bytes(), &payload]);
                }
            }
            let written = async {
                output.write_all(&bytes).await?;
                output.flush().await
            };
            if let Err(error) = written.await {
                return error.into();
            }
            bytes.clear();
        }
    }

    fn put_errands(&self, bytes: &mut Vec<u8>) {
        let errands = self.link.lane.wanted.lock().errands(TOPICS_AT_ONCE);
        for (command, topics) in [
            (self.words.subscribe, errands.subscribe),
            (self.words.unsubscribe, errands.unsubscribe),
        ] {
            let names: Vec<String> = topics
                .iter()
                .map(|topic| topic.name(&self.link.shared.prefix))
                .collect();
            for names in names.chunks(self.words.at_once) {
                let words: Vec<&[u8]> = std::iter::once(command.as_bytes())
                    .chain(names.iter().map(String::as_bytes))
                    .collect();
                resp::put(bytes, &words);
            }
        }
    }
}
