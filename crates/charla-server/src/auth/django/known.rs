//! What the application said a moment ago of tokens and users, tenant by tenant.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use charla_wire::TenantId;
use parking_lot::Mutex;

/// How long an answer counts.
const COUNTS: Duration = Duration::from_secs(5);
/// Answers that are kept, some 3 MB; beyond, all are forgotten and asked for again.
const KEPT_MAX: usize = 16 * 1024;

/// Answers of one kind.
pub(super) struct Known<T> {
    answers: Mutex<HashMap<(TenantId, String), (Instant, T)>>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            answers: Mutex::default(),
        }
    }
}

impl<T: Clone> Known<T> {
    /// The answer about somebody or something, while it counts.
    pub(super) fn get(&self, tenant: &TenantId, what: &str) -> Option<T> {
        let answers = self.answers.lock();
        let (when, answer) = answers.get(&(tenant.clone(), what.to_owned()))?;
        (when.elapsed() < COUNTS).then(|| answer.clone())
    }

    /// Keeps one.
    pub(super) fn put(&self, tenant: &TenantId, what: &str, answer: T) {
        let mut answers = self.answers.lock();
        if answers.len() >= KEPT_MAX {
            answers.clear();
        }
        answers.insert((tenant.clone(), what.to_owned()), (Instant::now(), answer));
    }
}
