//! What the debug guide's commands print: `ps aux | grep uvicorn`, `redis-cli ping`, and the clients' own command lines.

use super::{Line, Source, clients, sign};
use crate::explain::Sums;
use crate::explain::held::Place;
use crate::explain::needle::needle;
use crate::explain::words::{Hits, Mark};
use crate::signs::Sign;

/// What the last command line was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    #[default]
    None,
    /// `ps ... | grep uvicorn`, and whether a process was listed.
    Processes(bool),
    /// `redis-cli ping`, unanswered so far.
    RedisPing,
    /// curl with a WebSocket's headers.
    Handshake,
    /// Another one.
    Other,
}

/// The state of a terminal's text.
#[derive(Debug, Default)]
pub(super) struct Shell {
    pub(super) command: Command,
}

impl Source {
    /// Whether the line is a command or a command's answer that nothing else needs to look at.
    pub(super) fn shell(&mut self, line: Line<'_>, hits: &Hits, sums: &mut Sums) -> bool {
        if let Some(command) = command(line.text) {
            self.end_section(sums);
            self.shell.command = kind_of(command);
            if hits.has(Mark::Address) || self.shell.command == Command::Handshake {
                clients::tried(
                    Line {
                        text: command,
                        ..line
                    },
                    sums,
                );
            }
            return true;
        }
        match self.shell.command {
            Command::Processes(_) => self.process(line, hits, sums),
            Command::RedisPing => {
                self.shell.command = Command::Other;
                if line.text.starts_with(b"PONG") {
                    sign(Sign::RedisPong, line, sums);
                } else if line.text.starts_with(b"(no answer") {
                    sign(Sign::RedisSilent, line, sums);
                } else {
                    for found in &hits.signs {
                        sign(*found, line, sums);
                    }
                }
                true
            }
            Command::None | Command::Handshake | Command::Other => false,
        }
    }

    fn process(&mut self, line: Line<'_>, hits: &Hits, sums: &mut Sums) -> bool {
        let mut columns = line
            .text
            .split(u8::is_ascii_whitespace)
            .filter(|column| !column.is_empty());
        // USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND
        let state = columns.nth(7);
        let grep = needle!(b" grep ").find(line.text).is_some();
        if line.text.starts_with(b"(nothing)") || grep {
            return true;
        }
        if !hits.has(Mark::Ps) {
            // Something else follows without a prompt: that is not what `ps` said.
            self.shell.command = Command::Other;
            return false;
        }
        self.shell.command = Command::Processes(true);
        match state.and_then(<[u8]>::first) {
            Some(b'T' | b't') => sign(Sign::ProcessStopped, line, sums),
            _ => sign(Sign::ProcessListed, line, sums),
        }
        true
    }

    /// The text of the last command ends.
    pub(super) fn end_shell(&mut self, place: Place<'_>, sums: &mut Sums) {
        if std::mem::take(&mut self.shell.command) == Command::Processes(false) {
            let line = Line {
                text: b"ps: (nothing)",
                at: None,
                place,
            };
            sign(Sign::ProcessMissing, line, sums);
        }
    }
}

/// The command of a prompt's line: `$ ps aux`, `user@host:~$ ps aux`.
fn command(text: &[u8]) -> Option<&[u8]> {
    if let Some(command) = text.strip_prefix(b"$ ") {
        return Some(command);
    }
    let at = needle!(b"$ ").find(text.get(..80).unwrap_or(text))?;
    let (prompt, command) = text.split_at(at);
    let prompted = prompt.contains(&b'@') && !prompt.contains(&b'"') && !prompt.contains(&b'\'');
    prompted.then(|| command.get(2..)).flatten()
}

fn kind_of(command: &[u8]) -> Command {
    let holds = |word: &[u8]| memchr::memmem::find(command, word).is_some();
    let server = [&b"uvicorn"[..], b"daphne", b"gunicorn", b"hypercorn"];
    if holds(b"ps ") && server.iter().any(|name| holds(name)) {
        return Command::Processes(false);
    }
    if holds(b"redis-cli") && holds(b"ping") {
        return Command::RedisPing;
    }
    if command.starts_with(b"curl") && (holds(b"pgrade: websocket") || holds(b"Sec-WebSocket")) {
        return Command::Handshake;
    }
    Command::Other
}
