//! A key set behind a URL (RFC 7517): fetched, kept, fetched again before it is old.
//!
//! Only the configured URL is ever asked; nothing in a token leads to a request of its own. An unknown key id has
//! the set fetched once more, by one caller for all, at most once in [`REFETCH_AFTER`]. While the URL
//! is down the last good set goes on.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use charla_wire::Cause;
use http::Uri;
use http_body_util::{BodyExt as _, Empty, Limited};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::identity::{Refusal, quoted, span};
use super::jws::Compact;
use super::keys::{KeyRing, Match};
use crate::outgoing::{self, HttpClient};
use crate::settings::Algorithm;

mod key_set;

/// Longest answer read. A hundred RSA keys have 50 KiB.
const BODY_MAX: usize = 256 * 1024;
/// From the first packet to the answer's end.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two fetches, whoever asks: what a flood of unknown key ids can cost the authority.
const REFETCH_AFTER: Duration = Duration::from_secs(10);
/// Unknown key ids remembered as such until the next fetch.
const ABSENT_MAX: usize = 64;

/// Why a URL cannot be asked for keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksUrlError {
    /// No `https://host/path`.
    #[error("not an absolute URL")]
    NotAbsolute,
    /// Whoever sits on the way could hand out keys of their own.
    #[error("http:// is accepted for 127.0.0.1, [::1] and localhost only; use https://")]
    Plain,
    /// Names and passwords do not belong into URLs that are logged.
    #[error("a user name in the URL is not accepted")]
    UserInfo,
}

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer in time")]
    Timeout,
    #[error("could not connect: {0}")]
    Connect(hyper_util::client::legacy::Error),
    #[error("answered {0}; redirects are not followed")]
    Status(http::StatusCode),
    #[error("the answer breaks off or is longer than {BODY_MAX} bytes")]
    Body,
    #[error("the answer is not a key set")]
    NotAKeySet,
    #[error("the set has no key that can be used")]
    NoKey,
}

/// The key set of one URL.
#[derive(Debug)]
pub(super) struct Jwks {
    url: Uri,
    max_age: Duration,
    refetch_after: Duration,
    timeout: Duration,
    client: HttpClient<Empty<Bytes>>,
    ring: ArcSwapOption<KeyRing>,
    /// Held while fetching, so that many who wait share one request.
    fetching: Mutex<Fetches>,
}

#[derive(Debug, Default)]
struct Fetches {
    last: Option<Instant>,
    succeeded: bool,
    /// Key ids that the last good set was searched for in vain, right after it came.
    absent: HashSet<Box<str>>,
}

impl Jwks {
    /// A set that has not been fetched yet.
    ///
    /// # Errors
    /// [`JwksUrlError`] when the URL is not one that keys may come from.
    pub(super) fn new(url: &str, max_age: Duration) -> Result<Self, JwksUrlError> {
        Ok(Self {
            url: allowed(url)?,
            max_age: max_age.max(REFETCH_AFTER),
            refetch_after: REFETCH_AFTER,
            timeout: FETCH_TIMEOUT,
            client: outgoing::client(),
            ring: ArcSwapOption::empty(),
            fetching: Mutex::default(),
        })
    }

    /// Fetches now, and again before the set is too old, until the set is dropped.
    pub(super) fn keep_fresh(this: &Arc<Self>) {
        let jwks: Weak<Self> = Arc::downgrade(this);
        let fresh = this.max_age * 4 / 5;
        tokio::spawn(async move {
            while let Some(this) = jwks.upgrade() {
                let next = if this.refresh().await {
                    fresh
                } else {
                    this.refetch_after
                };
                drop(this);
                tokio::time::sleep(next).await;
            }
        });
    }

    /// Verifies a token by the set, asking the URL once more if the set does not know the key's id.
    ///
    /// [`Match::NoKey`] is said with certainty only: where the URL is down or was asked a moment ago, the refusal is
    /// `authority_unavailable`, so that a client comes back with the same token instead of giving up.
    pub(super) async fn verify(&self, token: &Compact<'_>, kid: Option<&str>, algorithm: Algorithm) -> Match {
        match self.known(token, kid, algorithm) {
            Match::NoKey => {}
            found @ (Match::Verified(_) | Match::Refused(_)) => return found,
        }
        let mut fetches = self.fetching.lock().await;
        match self.known(token, kid, algorithm) {
            Match::NoKey => {}
            found @ (Match::Verified(_) | Match::Refused(_)) => return found,
        }
        let id = kid.unwrap_or_default();
        let waited = fetches.last.map_or(self.refetch_after, |last| last.elapsed());
        if waited < self.refetch_after {
            if fetches.absent.contains(id) {
                return Match::NoKey;
            }
            return Match::Refused(later(kid, fetches.succeeded, self.refetch_after - waited));
        }
        if !self.fetch(&mut fetches).await {
            return Match::Refused(later(kid, false, self.refetch_after));
        }
        let found = self.known(token, kid, algorithm);
        if matches!(found, Match::NoKey) && fetches.absent.len() < ABSENT_MAX {
            fetches.absent.insert(id.into());
        }
        found
    }

    /// Verifies a token by the set as it is.
    pub(super) fn known(&self, token: &Compact<'_>, kid: Option<&str>, algorithm: Algorithm) -> Match {
        self.ring
            .load()
            .as_ref()
            .map_or(Match::NoKey, |ring| ring.verify(token, kid, algorithm))
    }

    /// Whether there is a set at all.
    pub(super) fn fetched(&self) -> bool {
        self.ring.load().is_some()
    }

    async fn refresh(&self) -> bool {
        let mut fetches = self.fetching.lock().await;
        self.fetch(&mut fetches).await
    }

    async fn fetch(&self, fetches: &mut Fetches) -> bool {
        let fetched = tokio::time::timeout(self.timeout, self.get()).await;
        let fetched = fetched.unwrap_or(Err(FetchError::Timeout));
        fetches.last = Some(Instant::now());
        fetches.succeeded = fetched.is_ok();
        match fetched {
            Ok(ring) => {
                tracing::debug!(url = %self.url, keys = ring.len(), "fetched the key set");
                self.ring.store(Some(Arc::new(ring)));
                fetches.absent.clear();
                true
            }
            Err(error) => {
                let kept = self.ring.load().as_ref().map_or(0, |ring| ring.len());
                tracing::warn!(url = %self.url, %error, kept, "could not fetch the key set");
                false
            }
        }
    }

    async fn get(&self) -> Result<KeyRing, FetchError> {
        let answer = self
            .client
            .get(self.url.clone())
            .await
            .map_err(FetchError::Connect)?;
        if answer.status() != http::StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(|_| FetchError::Body)?.to_bytes();
        let ring = key_set::read(&body).map_err(|_| FetchError::NotAKeySet)?;
        if ring.len() == 0 {
            Err(FetchError::NoKey)
        } else {
            Ok(ring)
        }
    }
}

fn later(kid: Option<&str>, succeeded: bool, wait: Duration) -> Refusal {
    let wait = span(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    let key = kid.map_or_else(
        || "a key without an id".to_owned(),
        |kid| format!("key {}", quoted(kid)),
    );
    let detail = if succeeded {
        format!("{key} is unknown; the key set is asked again in {wait}")
    } else {
        format!("{key} is unknown; the key set cannot be fetched")
    };
    Refusal::new(Cause::AuthorityUnavailable, detail)
}

fn allowed(url: &str) -> Result<Uri, JwksUrlError> {
    let uri: Uri = url.parse().map_err(|_| JwksUrlError::NotAbsolute)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(JwksUrlError::NotAbsolute);
    };
    if authority.as_str().contains('@') {
        return Err(JwksUrlError::UserInfo);
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match scheme {
        "https" => Ok(uri),
        "http" if loopback => Ok(uri),
        "http" => Err(JwksUrlError::Plain),
        _ => Err(JwksUrlError::NotAbsolute),
    }
}

#[cfg(test)]
mod tests;
