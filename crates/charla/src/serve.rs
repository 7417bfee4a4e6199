//! `charla serve`: settings, log, server, until a signal ends it.

use charla_server::{Server, StartError, log};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::args::Serve;
use crate::config;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words;

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn run(wanted: Serve, screen: &mut Screen) -> Outcome {
    let mut source = wanted.source;
    let listen = wanted.listen.map(|address| ("server.listen".to_owned(), address));
    source.set.extend(listen);
    let settings = config::resolve(&source, screen)?.settings;
    log::init(&settings.log);
    runtime()?.block_on(async {
        let server = Server::start(settings)
            .await
            .map_err(|error| not_started(&error, screen))?;
        server.wait_for_signal_and_drain().await?;
        Ok(Exit::Done)
    })
}

/// The runtime of a server: a thread a core, and as many sockets as the machine lets this process have.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // Refused, the limit stays as it was; reaching it is logged by whoever accepts.
    let _ = setrlimit(Resource::Nofile, files);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(error.to_string()))
}

/// Why a server did not start. Keys and secrets are settings; the rest is the machine's.
pub(crate) fn not_started(error: &StartError, screen: &Screen) -> Failure {
    let exit = match error {
        StartError::Auth(_) => Exit::Usage,
        StartError::Store(_) | StartError::Listen { .. } => Exit::Failed,
    };
    Failure::Say(exit, words::not_started(screen.lang, error))
}
