//! Keys of applications' back ends: `charla_` and 32 random bytes, stored as a hash.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use charla_wire::{Cause, TenantId, Timestamp};
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::time::Instant;

use super::identity::Refusal;
use super::secret::{Secret, digest};
use crate::store::{ApiKey, Store};

/// Tells a key from a token at a glance, and lets scanners of repositories find a leaked one.
pub const API_KEY_PREFIX: &str = "charla_";
/// How long a key is believed without asking the store: how long one removed elsewhere goes on working.
const FRESH: Duration = Duration::from_secs(5);
/// Keys remembered; reaching it forgets the stale ones, then all.
const CACHE_MAX: usize = 1024;

/// Makes and checks keys of back ends.
pub struct ApiKeys {
    store: Arc<dyn Store>,
    cache: Mutex<HashMap<String, (ApiKey, Instant)>>,
}

impl ApiKeys {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            cache: Mutex::default(),
        }
    }

    /// Makes a key for one tenant, or for all. Its text comes back once and is nowhere else.
    ///
    /// # Errors
    /// The store's.
    pub async fn create(
        &self,
        tenant: Option<TenantId>,
        label: &str,
        now: Timestamp,
    ) -> Result<(SecretString, ApiKey), Refusal> {
        let secret = Secret::random();
        let secret =
            secret.ok_or_else(|| Refusal::new(Cause::InternalError, "the machine gives no random bytes"))?;
        let text = format!("{API_KEY_PREFIX}{}", secret.as_str());
        let key = ApiKey {
            hash: digest(&text),
            tenant,
            label: label.to_owned(),
            created_at: now,
        };
        self.store.put_api_key(key.clone()).await?;
        Ok((text.into(), key))
    }

    /// The key behind an `Authorization: Bearer` value.
    ///
    /// # Errors
    /// `unauthorized_key` when there is none such; the store's.
    pub async fn authenticate(&self, bearer: &str) -> Result<ApiKey, Refusal> {
        let Some(secret) = bearer.strip_prefix(API_KEY_PREFIX) else {
            let detail = format!("an API key starts with \"{API_KEY_PREFIX}\"");
            return Err(Refusal::new(Cause::UnauthorizedKey, detail));
        };
        let unknown = || Refusal::new(Cause::UnauthorizedKey, "there is no such API key");
        if !Secret::has_shape(secret) {
            return Err(unknown());
        }
        let hash = digest(bearer);
        if let Some(key) = self.remembered(&hash) {
            return Ok(key);
        }
        let key = self.store.api_key(&hash).await?.ok_or_else(unknown)?;
        self.remember(hash, key.clone());
        Ok(key)
    }

    /// Ends a key at once on this node; says whether there was one.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove(&self, hash: &str) -> Result<bool, Refusal> {
        let removed = self.store.remove_api_key(hash).await?;
        self.cache.lock().remove(hash);
        Ok(removed)
    }

    fn remembered(&self, hash: &str) -> Option<ApiKey> {
        let cache = self.cache.lock();
        let (key, since) = cache.get(hash)?;
        (since.elapsed() < FRESH).then(|| key.clone())
    }

    fn remember(&self, hash: String, key: ApiKey) {
        let mut cache = self.cache.lock();
        if cache.len() >= CACHE_MAX {
            cache.retain(|_, (_, since)| since.elapsed() < FRESH);
        }
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        cache.insert(hash, (key, Instant::now()));
    }
}
