//! The doctor's place in a server: what it may be asked, and how many may ask.
//!
//! This crate knows nothing of how a cause is found. Whoever runs the server brings somebody who does
//! ([`Node::call_in`](crate::node::Node::call_in)); a server without one has no such route.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use charla_wire::{ChatId, Lang, TenantId};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;

/// How long an answer is waited for: a run takes less than 5 s, on a machine in trouble somewhat more.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Looks at the server it runs in, and judges.
///
/// It connects to this server's own address and to no other that the question could name, changes nothing, and comes back by
/// itself within seconds: a run is not cut short by whoever waits for it. It must not keep the server's threads busy.
pub trait Doctor: Send + Sync {
    /// The report in the form that `charla doctor --json` prints, without a secret in it.
    fn look(&self, asked: Question) -> Pin<Box<dyn Future<Output = Value> + Send>>;
}

/// What is to be looked at, and how it is told.
#[derive(Debug, Clone)]
pub struct Question {
    /// The chat to enter; none: a socket for all chats.
    pub chat: Option<ChatId>,
    /// The tenant that the address names.
    pub tenant: Option<TenantId>,
    /// The access token to connect with; none: the connection is refused for that, and this is the report.
    pub token: Option<SecretString>,
    /// The report's language.
    pub lang: Lang,
    /// Whether everything that was seen is to stand in it.
    pub verbose: bool,
}

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoReport {
    /// Nobody was called in.
    #[error("this server was started without a doctor: run `charla doctor` beside it")]
    Absent,
    /// Somebody else's run goes on.
    #[error("the doctor is looking already; retry in {} ms", ANSWER_WITHIN.as_millis() / 4)]
    Busy,
    /// Not back within [`ANSWER_WITHIN`].
    #[error("the doctor did not come back within {} s", ANSWER_WITHIN.as_secs())]
    Late,
    /// It fell over.
    #[error("the doctor fell over")]
    Crashed,
}

/// Where the doctor is asked: one run at a time.
pub(crate) struct Surgery {
    doctor: OnceLock<Arc<dyn Doctor>>,
    free: Arc<Semaphore>,
}

impl Default for Surgery {
    fn default() -> Self {
        Self {
            doctor: OnceLock::new(),
            free: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Surgery {
    /// Only the first doctor counts.
    pub(crate) fn call_in(&self, doctor: Arc<dyn Doctor>) {
        let _ = self.doctor.set(doctor);
    }

    /// Asks. The place is taken until the run has ended, also when nobody waits for it any more.
    pub(crate) async fn ask(&self, asked: Question) -> Result<Value, NoReport> {
        let doctor = self.doctor.get().ok_or(NoReport::Absent)?;
        let place = Arc::clone(&self.free)
            .try_acquire_owned()
            .map_err(|_| NoReport::Busy)?;
        let looking = doctor.look(asked);
        let run = tokio::spawn(async move {
            let report = looking.await;
            drop(place);
            report
        });
        match tokio::time::timeout(ANSWER_WITHIN, run).await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(_)) => Err(NoReport::Crashed),
            Err(_) => Err(NoReport::Late),
        }
    }
}
