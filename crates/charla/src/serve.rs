//! `charla serve`: settings, log, server, until a signal ends it; SIGHUP reads the settings again.

use std::io;
use std::sync::Arc;

use charla_server::settings::Settings;
use charla_server::{Server, StartError, log};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Serve;
use crate::config;
use crate::consulting::OwnDoctor;
use crate::exit::{Exit, Failure, Outcome};
use crate::reload::Reload;
use crate::screen::Screen;
use crate::supervisor::{self, Supervised, Supervisor};
use crate::words;

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn run(wanted: Serve, screen: &mut Screen) -> Outcome {
    let mut source = wanted.source;
    let listen = wanted.listen.map(|address| ("server.listen".to_owned(), address));
    source.set.extend(listen);
    let loaded = config::resolve(&source, screen)?;
    let settings = loaded.settings.clone();
    let file = config::file(&source);
    log::init(&settings.log);
    raise_file_limit(&settings);
    runtime()?.block_on(async {
        let stop = Stop::listen()?;
        let reload = Reload::listen(source, loaded)?;
        let passed = supervisor::passed_socket()
            .map_err(|error| Failure::failed(words::not_started(screen.lang, &error)))?;
        let server = match passed {
            Some(socket) => {
                tracing::info!("a listening socket was passed in: server.listen is not used");
                Server::start_on(settings, socket).await
            }
            None => Server::start(settings).await,
        };
        let server = server.map_err(|error| not_started(&error, screen))?;
        let node = server.node();
        node.call_in(Arc::new(OwnDoctor::new(
            server.local_addr(),
            &node.settings,
            file,
        )));
        let supervised = Supervisor::of_environment().serving(server.node());
        let reloading = reload.heed(Arc::clone(server.node()));
        tokio::select! {
            outcome = stop.drain(server, &supervised) => outcome,
            never = reloading => match never {},
        }
    })
}

/// The signals that end a server. Listened for before anybody can know of it, so that none comes too early.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From now on signals wait to be taken.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Serves until a signal, or until the store has ended, then drains. A second signal ends it at once: what is acknowledged is stored by then.
    pub(crate) async fn drain(mut self, server: Server, supervised: &Supervised) -> Outcome {
        let exit = tokio::select! {
            () = self.next() => Exit::Done,
            () = server.drain_asked() => Exit::Done,
            () = server.store_ended() => Exit::Failed,
        };
        supervised.stopping(server.node());
        tokio::select! {
            () = server.drain() => Ok(exit),
            () = self.next() => Ok(Exit::Failed),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Files beside sockets that a server has open: the store, the log, what it listens on.
const FILES_BESIDE_SOCKETS: u64 = 64;

/// Takes as many files as the machine lets this process have, and says when they are too few for the settings.
pub(crate) fn raise_file_limit(settings: &Settings) {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // Refused, the limit stays as it was; what it comes to is looked at below.
    let _ = setrlimit(Resource::Nofile, files);
    let Some(most) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let wanted = settings.limits.connections as u64 + FILES_BESIDE_SOCKETS;
    if most < wanted {
        tracing::warn!(
            files = most,
            connections = settings.limits.connections,
            "the limit of open files is below `limits.connections`: raise LimitNOFILE (ulimit -n) or lower the setting"
        );
    }
}

/// The runtime of a server: a thread a core.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(error.to_string()))
}

/// Why a server did not start. Keys and secrets are settings; the rest is the machine's.
pub(crate) fn not_started(error: &StartError, screen: &Screen) -> Failure {
    let exit = match error {
        StartError::Auth(_)
        | StartError::Broker(_)
        | StartError::Application(_)
        | StartError::Authority(_)
        | StartError::Bridge(_)
        | StartError::Telemetry(_)
        | StartError::Tls(_) => Exit::Usage,
        StartError::Store(_) | StartError::Attachments(_) | StartError::Listen { .. } => Exit::Failed,
    };
    Failure::Say(exit, words::not_started(screen.lang, error))
}
