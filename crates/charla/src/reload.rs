//! SIGHUP: the settings are read again, then the certificates. Limits hold from then on; what only a start can change is named in
//! the log, and settings that are wrong change nothing.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use charla_server::node::Node;
use charla_server::settings::{self, Loaded, Problem};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Source;
use crate::config;
use crate::serve::raise_file_limit;

/// What reads the settings again.
pub(crate) struct Reload {
    hangup: Signal,
    source: Source,
    // What the parts that do not change were started with.
    started: Loaded,
}

impl Reload {
    /// From now on signals wait to be taken.
    pub(crate) fn listen(source: Source, started: Loaded) -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            source,
            started,
        })
    }

    /// Reads again at each signal, for as long as it is waited for.
    pub(crate) async fn heed(mut self, node: Arc<Node>) -> Infallible {
        loop {
            if self.hangup.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            self.read_again(&node);
            // A certificate that was renewed does not wait for settings to be right.
            node.reload_certificates();
        }
    }

    fn read_again(&self, node: &Node) {
        let file = config::file(&self.source);
        let loaded = settings::load(file.as_deref(), std::env::vars(), &self.source.set);
        let taken = loaded.and_then(|loaded| {
            node.reload_limits(&loaded.settings)?;
            Ok(loaded)
        });
        match taken {
            Ok(loaded) => {
                for key in self.started.differs_in(&loaded) {
                    tracing::warn!(key, "this setting has changed, and waits for the next start");
                }
                raise_file_limit(&loaded.settings);
                tracing::info!("the settings were read again: the limits in them hold from now on");
            }
            Err(problems) => refuse(&problems),
        }
    }
}

fn refuse(problems: &[Problem]) {
    for problem in problems {
        tracing::error!(%problem, "the settings were read again and are wrong");
    }
    tracing::error!(problems = problems.len(), "no setting was changed");
}
