//! One request to an endpoint, signed by Standard Webhooks (<https://www.standardwebhooks.com>), and what its answer means.
//!
//! Redirects are not followed, and nothing of an answer is kept but its status: what an operator may name here is the operator's
//! business, what stands behind it is shown to nobody.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use charla_wire::{TenantId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use secrecy::SecretString;
use sha2::Sha256;
use tokio::time::timeout;

use super::retry;
use crate::outgoing::{self, HttpClient};
use crate::settings::WebhookEndpointSettings;
use crate::settings::webhooks::secret_bytes;
use crate::store::webhooks::{Delivery, Kinds, WebhookEndpoint};
use crate::telemetry::TRACEPARENT;

/// Bytes of an answer that are read and thrown away, so that its connection can serve again.
const ANSWER_MAX: usize = 64 * 1024;

/// Where events go.
pub(crate) struct Endpoint {
    /// Its id.
    pub(crate) id: Arc<str>,
    /// Whose events it gets.
    pub(crate) tenant: TenantId,
    /// Where it is.
    pub(crate) url: Uri,
    /// What it gets.
    pub(crate) events: Kinds,
    /// Whether it stands in the file: then the API cannot change it.
    pub(crate) from_file: bool,
    /// When the API made it.
    pub(crate) created_at: Option<Timestamp>,
    /// Until when its secret before the last one signs too.
    pub(crate) old_secret_until: Option<Timestamp>,
    /// Since when it gets nothing.
    pub(crate) disabled_at: Option<Timestamp>,
    /// The newest first.
    keys: Vec<Hmac<Sha256>>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What an endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it.
    Taken,
    /// It wants nothing any more.
    Gone,
    /// It does not have it: why, and how long it wants to be left alone.
    Failed(String, Option<Duration>),
}

impl Endpoint {
    /// One of the file.
    pub(super) fn of_file(settings: &WebhookEndpointSettings) -> Option<Self> {
        let old = settings.old_secret.iter();
        Some(Self {
            id: settings.id(),
            tenant: settings.tenant.clone(),
            url: settings.url.parse().ok()?,
            events: settings.events,
            from_file: true,
            created_at: None,
            old_secret_until: None,
            disabled_at: None,
            keys: keys([&settings.secret].into_iter().chain(old))?,
        })
    }

    /// One that was made over the API.
    pub(super) fn made(made: &WebhookEndpoint, now: Timestamp) -> Option<Self> {
        let old = made.old_secret.as_ref().filter(|(_, until)| *until > now);
        Some(Self {
            id: Arc::clone(&made.id),
            tenant: made.tenant.clone(),
            url: made.url.parse().ok()?,
            events: made.events,
            from_file: false,
            created_at: Some(made.created_at),
            old_secret_until: old.map(|(_, until)| *until),
            disabled_at: None,
            keys: keys([&made.secret].into_iter().chain(old.map(|(secret, _)| secret)))?,
        })
    }

    /// `webhook-signature`: one signature for each secret that counts.
    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signatures = self.keys.iter().map(|key| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn keys<'a>(secrets: impl Iterator<Item = &'a SecretString>) -> Option<Vec<Hmac<Sha256>>> {
    secrets
        .map(|secret| Hmac::new_from_slice(&secret_bytes(secret)?).ok())
        .collect()
}

/// Whoever sends requests; connections that are open serve again.
#[derive(Clone)]
pub(super) struct Post {
    client: HttpClient<Full<Bytes>>,
    within: Duration,
}

impl Post {
    pub(super) fn new(within: Duration) -> Self {
        Self {
            client: outgoing::client(),
            within,
        }
    }

    /// Sends, as a part of `trace`, and hears what the endpoint says to it.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        trace: Option<&str>,
        now: Timestamp,
    ) -> Answer {
        let request = match request(endpoint, delivery, trace, now) {
            Ok(request) => request,
            Err(error) => return Answer::Failed(error.to_string(), None),
        };
        let answered = timeout(self.within, async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| outgoing::told(&error))?;
            let (head, body) = answer.into_parts();
            // The status is the answer, whatever becomes of the rest.
            let _ = Limited::new(body, ANSWER_MAX).collect().await;
            Ok(head)
        })
        .await;
        let head = match answered {
            Ok(Ok(head)) => head,
            Ok(Err(why)) => return Answer::Failed(why, None),
            Err(_) => return Answer::Failed(format!("no answer within {} s", self.within.as_secs()), None),
        };
        if head.status.is_success() {
            return Answer::Taken;
        }
        if head.status == StatusCode::GONE {
            return Answer::Gone;
        }
        let after = head.headers.get(header::RETRY_AFTER);
        let after = after.and_then(|after| retry::asked(after.to_str().ok()?, now));
        Answer::Failed(format!("answered {}", head.status), after)
    }
}

fn request(
    endpoint: &Endpoint,
    delivery: &Delivery,
    trace: Option<&str>,
    now: Timestamp,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let timestamp = now.as_millis().div_euclid(1000);
    let signature = endpoint.signature(&delivery.webhook_id, timestamp, &delivery.body);
    let request = match trace {
        Some(trace) => Request::builder().header(TRACEPARENT, trace),
        None => Request::builder(),
    };
    request
        .method(Method::POST)
        .uri(endpoint.url.clone())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("charla/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &delivery.webhook_id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(delivery.body.clone().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::webhooks::secret_of;

    /// The example of the specification ("verifying webhooks").
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let settings = WebhookEndpointSettings {
            tenant: TenantId::parse("acme").unwrap(),
            url: "https://app.example.org/".into(),
            events: Kinds::all(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
            old_secret: Some(secret_of(&[7; 32])),
        };
        let endpoint = Endpoint::of_file(&settings).unwrap();
        let signature = endpoint.signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        let (first, second) = signature.split_once(' ').unwrap();
        assert_eq!(first, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(second.starts_with("v1,") && second != first);
        assert!(!format!("{endpoint:?}").contains("MfKQ"));
    }
}
