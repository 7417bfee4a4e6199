//! One line on standard error that says what is being done, where somebody sees it, and is gone when it is done.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const PLAIN_FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
const TURN_EVERY: Duration = Duration::from_millis(100);

/// What is shown now.
#[derive(Clone)]
pub(crate) struct Spinner {
    text: Arc<Mutex<String>>,
    shown: bool,
    frames: &'static [&'static str],
}

impl Spinner {
    /// Shown only on a terminal.
    pub(crate) fn new(ascii: bool) -> Self {
        let frames: &'static [&'static str] = if ascii { &PLAIN_FRAMES } else { &FRAMES };
        let shown = io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        Self {
            text: Arc::default(),
            shown,
            frames,
        }
    }

    /// From now on this is being done.
    pub(crate) fn say(&self, text: &str) {
        if let Ok(mut now) = self.text.lock() {
            text.clone_into(&mut now);
        }
        self.draw(0);
    }

    /// Turns while something is being done.
    pub(crate) async fn while_doing<T>(&self, doing: impl Future<Output = T>) -> T {
        let turning = async {
            let mut frame = 0;
            loop {
                self.draw(frame);
                frame += 1;
                tokio::time::sleep(TURN_EVERY).await;
            }
        };
        let done = tokio::select! {
            done = doing => done,
            () = turning => unreachable!("it turns for ever"),
        };
        self.clear();
        done
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.shown {
            // Nobody is left to be told when standard error is gone.
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn draw(&self, frame: usize) {
        let Ok(text) = self.text.lock() else { return };
        let Some(mark) = self.frames.get(frame % self.frames.len()) else {
            return;
        };
        if self.shown {
            // As above.
            let _ = write!(io::stderr(), "\r\x1b[K{mark} {text}");
        }
    }
}
