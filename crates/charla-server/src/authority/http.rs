//! The authority as a request to the application: a signed `POST` of tenant, user and chat, answered in JSON.
//!
//! The signature is that of Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 over `id.timestamp.body`. An answer
//! that is too long, has another status than 200, is no JSON or has a field that is not known is none.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use charla_core::Role;
use charla_wire::{ChatId, TenantId, UserId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::{Answer, Failure, Question, Verdict};
use crate::outgoing::{self, HttpClient};
use crate::telemetry;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 16 * 1024;
/// What secrets begin with that are written in base64 (Standard Webhooks, "signing secret serialization").
const ENCODED: &str = "whsec_";

/// An application that is asked.
pub(super) struct Http {
    url: Uri,
    key: Hmac<Sha256>,
    client: HttpClient<Full<Bytes>>,
}

#[derive(Serialize)]
struct Asked<'a> {
    tenant: &'a TenantId,
    user: &'a UserId,
    chat: Option<&'a ChatId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the documented answer"
)]
struct Told {
    allowed: bool,
    role: Option<RoleWord>,
    name: Option<String>,
    title: Option<String>,
    closed: Option<bool>,
    #[serde(default = "yes")]
    chat_exists: bool,
    #[serde(default = "yes")]
    tenant_exists: bool,
    #[serde(default = "yes")]
    user_exists: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleWord {
    Member,
    Agent,
}

const fn yes() -> bool {
    true
}

impl Http {
    /// `None` when the address cannot be asked, or the secret is no base64 where it says so.
    pub(super) fn new(url: &str, secret: &SecretString, tls: ClientConfig) -> Option<Self> {
        let secret = secret.expose_secret();
        let bytes = match secret.strip_prefix(ENCODED) {
            Some(encoded) => STANDARD.decode(encoded).ok()?,
            None => secret.as_bytes().to_vec(),
        };
        Some(Self {
            url: url.parse().ok()?,
            key: Hmac::new_from_slice(&bytes).ok()?,
            client: outgoing::client_with(tls),
        })
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        let asked = Asked {
            tenant: &question.user.tenant,
            user: &question.user.user,
            chat: question.chat.as_ref(),
        };
        let body = serde_json::to_vec(&asked).map_err(|error| Failure::Wrong(error.to_string()))?;
        let mut request = self
            .request(body)
            .map_err(|error| Failure::Wrong(error.to_string()))?;
        telemetry::tell_trace(request.headers_mut());
        let away = |what: String| Failure::Away(format!("authority.url {what}"));
        let wrong = |what: String| Failure::Wrong(format!("authority.url {what}"));
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| away(format!("cannot be asked: {}", outgoing::told(&error))))?;
        let status = answer.status();
        match status {
            StatusCode::OK => {}
            // A proxy says that nobody is behind it.
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                return Err(away(format!("answered {status}")));
            }
            _ => return Err(wrong(format!("answered {status}; only 200 is an answer"))),
        }
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|_| {
            wrong(format!(
                "gave an answer that breaks off or is longer than {ANSWER_MAX} bytes"
            ))
        })?;
        // Its words may be about people: only where it went wrong is told.
        let told: Told = serde_json::from_slice(&body.to_bytes()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            wrong(format!(
                "gave an answer that is not as documented (line {line}, column {column})"
            ))
        })?;
        Ok(told.into())
    }

    fn request(&self, body: Vec<u8>) -> Result<Request<Full<Bytes>>, http::Error> {
        let id = format!("msg_{}", Uuid::now_v7().simple());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = since.as_secs();
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(&body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("charla/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", format!("v1,{signature}"))
            .body(Full::new(body.into()))
    }
}

impl From<Told> for Answer {
    fn from(told: Told) -> Self {
        let verdict = match told {
            Told {
                tenant_exists: false, ..
            } => return Self::none(Verdict::NoTenant),
            Told {
                chat_exists: false, ..
            } => Verdict::NoChat,
            Told {
                allowed: true,
                user_exists: true,
                ..
            } => Verdict::Allow,
            Told { .. } => Verdict::Deny,
        };
        let words = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Arc::from);
        Self {
            verdict,
            known: told.user_exists,
            role: match told.role {
                Some(RoleWord::Agent) => Role::Agent,
                Some(RoleWord::Member) | None => Role::Member,
            },
            name: words(told.name),
            title: words(told.title),
            closed: told.closed,
        }
    }
}
