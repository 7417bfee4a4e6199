//! A Redis that keeps nothing, and words with it.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{Running, converse};
use charla_ground::{Failure, Outcome};

/// A Redis.
pub(crate) struct Redis {
    /// Its process, while there is one.
    pub(crate) running: Option<Running>,
    /// Where it listens.
    pub(crate) place: SocketAddrV4,
    folder: PathBuf,
}

impl Redis {
    /// Starts one in a folder.
    pub(crate) fn start(folder: &Path, place: SocketAddrV4) -> Outcome<Self> {
        let mut redis = Self {
            running: None,
            place,
            folder: folder.to_owned(),
        };
        redis.run()?;
        Ok(redis)
    }

    /// Starts it, again after [`Redis::kill`].
    pub(crate) fn run(&mut self) -> Outcome<()> {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", &self.place.ip().to_string()])
            .args(["--port", &self.place.port().to_string()])
            .args(["--protected-mode", "no", "--save", "", "--appendonly", "no"])
            .current_dir(&self.folder);
        let mut running = Running::start(&mut command, self.folder.join("redis.log"))?;
        running.wait_for_address(self.place)?;
        self.running = Some(running);
        Ok(())
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        match &mut self.running {
            Some(running) => running.kill(),
            None => Ok(()),
        }
    }

    /// Its process.
    pub(crate) fn process(&self) -> Outcome<&Running> {
        let none = || Failure::NotStarted("Redis does not run".to_owned());
        self.running.as_ref().ok_or_else(none)
    }

    /// What it answers to a command, in its own notation.
    pub(crate) fn ask(&self, words: &[&str]) -> Outcome<String> {
        let mut said = format!("*{}\r\n", words.len());
        for word in words {
            said += &format!("${}\r\n{word}\r\n", word.len());
        }
        converse(self.place, said.as_bytes(), is_whole)
    }

    /// The ids of the connections that subscribe.
    pub(crate) fn subscribers(&self) -> Outcome<Vec<String>> {
        let list = self.ask(&["CLIENT", "LIST", "TYPE", "pubsub"])?;
        let ids = list
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("id="));
        Ok(ids.map(str::to_owned).collect())
    }
}

/// Whether an answer has come to its end: a line, or the text whose length the first line tells.
fn is_whole(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard);
    let Some((first, rest)) = text.split_once("\r\n") else {
        return false;
    };
    let length = first
        .strip_prefix('$')
        .and_then(|length| length.parse::<i64>().ok());
    length.is_none_or(|length| i64::try_from(rest.len()).unwrap_or(i64::MAX) >= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_it_says() {
        for (heard, whole) in [
            ("+PONG\r\n", true),
            ("+PO", false),
            ("$5\r\nhola", false),
            ("$4\r\nhola\r\n", true),
            ("$-1\r\n", true),
            (":1\r\n", true),
        ] {
            assert_eq!(is_whole(heard.as_bytes()), whole, "{heard:?}");
        }
    }
}
