//! A process of a Django Channels application: [`Channels`], over the real `channels_redis`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};

use serde_json::{Value, json};

use crate::python;

/// A running process; killed when dropped.
pub(crate) struct Channels {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Channels {
    /// Starts one with a layer's arguments: `layer`, `hosts` and what `channels_redis` takes.
    pub(crate) fn start(arguments: &Value) -> Self {
        let mut child = python::start("bridge/process.py");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut process = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        process.ask(arguments);
        process
    }

    /// Begins something whose answer is awaited by [`Channels::answer`].
    pub(crate) fn begin(&mut self, words: &Value) {
        writeln!(self.input, "{words}").unwrap();
        self.input.flush().unwrap();
    }

    /// What came of it.
    pub(crate) fn answer(&mut self) -> Value {
        tokio::task::block_in_place(|| {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            let mut answer: Value = serde_json::from_str(&line).unwrap();
            assert!(answer["error"].is_null(), "{answer}");
            answer["ok"].take()
        })
    }

    /// Has something done.
    pub(crate) fn ask(&mut self, words: &Value) -> Value {
        self.begin(words);
        self.answer()
    }

    /// A new consumer that is a member of a group.
    pub(crate) fn consumer(&mut self, group: &str) -> Value {
        let channel = self.ask(&json!({"do": "new"}));
        self.ask(&json!({"do": "add", "group": group, "channel": channel}));
        channel
    }

    /// Sends an event to a group.
    pub(crate) fn send(&mut self, group: &str, event: &Value) {
        self.ask(&json!({"do": "send", "group": group, "event": event}));
    }

    /// The next event of a consumer.
    pub(crate) fn receive(&mut self, channel: &Value) -> Value {
        self.receive_many(channel, 1).remove(0)
    }

    /// So many events of a consumer.
    pub(crate) fn receive_many(&mut self, channel: &Value, count: usize) -> Vec<Value> {
        let answer = self.ask(&json!({"do": "receive", "channel": channel, "count": count}));
        answer.as_array().unwrap().clone()
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
