//! The Redis of Channels: how one of its servers is reached, and with what patience.

use std::time::Duration;

use super::figures::BridgeFigures;
use super::trouble;
use crate::broker::BrokerSetupError;
use crate::broker::redis::link::{Files, Host};
use crate::broker::remote::ended::Ended;
use crate::settings::{BridgeSettings, RedisUrl};

/// The first and the longest wait before another try to connect.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// One of the servers, with the files of `[bridge]`.
pub(super) fn host(url: &RedisUrl, settings: &BridgeSettings) -> Result<Host, BrokerSetupError> {
    let named = |key, path: &Option<_>| path.clone().map(|path| (key, path));
    let files = Files {
        password: named("bridge.password_file", &settings.password_file),
        ca: named("bridge.ca_file", &settings.ca_file),
        certificate: named("bridge.cert_file", &settings.cert_file),
        key: named("bridge.key_file", &settings.key_file),
    };
    Host::new(url, &files)
}

/// How long to wait before the next try, and what was said of the last one.
pub(super) struct Patience {
    wait: Duration,
    told: String,
    what: &'static str,
}

impl Patience {
    /// For one kind of connection.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            wait: RETRY_FIRST,
            told: String::new(),
            what,
        }
    }

    /// It goes well again.
    pub(super) fn restore(&mut self) {
        if !self.told.is_empty() {
            tracing::info!(what = self.what, "the Redis of Django Channels is there");
        }
        self.wait = RETRY_FIRST;
        self.told.clear();
    }

    /// Says why a connection ended, once for each reason, and waits a while.
    pub(super) async fn wait_after(&mut self, host: &Host, ended: &Ended, figures: &BridgeFigures) {
        let (redis, text) = (&host.shown, ended.to_string());
        let (cause, advice) = (trouble::cause(ended), trouble::advice(ended));
        figures.fail(cause);
        if self.told == text {
            tracing::debug!(
                redis,
                what = self.what,
                ended = text,
                "still no Redis of Django Channels"
            );
        } else {
            tracing::warn!(
                redis,
                what = self.what,
                cause,
                ended = text,
                advice,
                "no Redis of Django Channels"
            );
            self.told = text;
        }
        // sleeps because a server that comes back tells nobody
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }
}
