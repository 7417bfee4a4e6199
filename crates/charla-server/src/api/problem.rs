//! Refusals over HTTP as problem documents (RFC 9457) that name their cause.
//!
//! A handler returns a [`Problem`]; [`super::face`] puts it into words, because only the request knows in
//! which language.

use axum::Json;
use axum::response::{IntoResponse, Response};
use charla_wire::{Cause, Lang, TenantId, cause};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth;
use crate::handshake;
use crate::limits::Wait;
use crate::node::Node;
use crate::store::{AppendError, StoreError};

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// By the one table.
    pub cause: Cause,
    /// What was found, in English.
    pub detail: String,
    /// When a retry can succeed.
    pub retry_in_ms: Option<u64>,
}

impl Problem {
    /// A refusal; a delay that the detail names is found in it.
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            cause,
            retry_in_ms: cause::retry_in_ms(&detail),
            detail,
        }
    }

    /// Too much in too little time, by somebody of `tenant` where that is known.
    pub(super) fn too_fast(node: &Node, tenant: Option<&TenantId>, (limit, wait): Wait) -> Self {
        node.note_limit(limit, tenant);
        Self::new(Cause::RateLimited, format!("retry in {wait} ms; {limit}"))
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Cause::BadRequest, detail)
    }

    /// Nothing is there, or nothing that this caller may know of.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Cause::NotFound, detail)
    }

    /// The caller is known, and may not do this.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Cause::Forbidden, detail)
    }

    pub(super) fn chat_not_found() -> Self {
        Self::new(Cause::ChatNotFound, "")
    }

    pub(super) fn tenant_not_found() -> Self {
        Self::new(Cause::TenantNotFound, "")
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.cause.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document, in the reader's language.
    pub(super) fn render(&self, lang: Lang) -> Response {
        let status = self.status();
        let document = ProblemDocument {
            kind: format!("/docs/causes/{}", self.cause),
            title: self.cause.words(lang).title,
            status: status.as_u16(),
            detail: &self.detail,
            cause: self.cause.id(),
            retry: self.cause.retry().as_str(),
            retry_in_ms: self.retry_in_ms,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        let fixed = |text| HeaderValue::from_static(text);
        headers.insert(header::CONTENT_TYPE, fixed("application/problem+json"));
        headers.insert(header::CONTENT_LANGUAGE, fixed(lang.tag()));
        headers.insert(header::CACHE_CONTROL, fixed("no-store"));
        headers.append(header::VARY, fixed("accept-language"));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: such an answer says how to prove who one is.
            headers.insert(header::WWW_AUTHENTICATE, fixed("Bearer realm=\"charla\""));
        }
        if let Some(wait) = self.retry_in_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
        }
        response
    }
}

/// A refusal (RFC 9457). `cause` is stable and documented at `type`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument<'a> {
    /// Where the cause is explained, with commands to copy.
    #[serde(rename = "type")]
    #[schema(example = "/docs/causes/chat_not_found")]
    kind: String,
    /// What happened, in the reader's language (`Accept-Language`: `en`, `es`).
    title: &'a str,
    /// The HTTP status again.
    status: u16,
    /// What was found this time, for developers.
    detail: &'a str,
    /// The cause's id.
    #[schema(example = "chat_not_found")]
    cause: &'a str,
    /// What to do next: `refresh` the token, `backoff`, `wait` for `retry_in_ms`, or `stop`.
    retry: &'a str,
    /// Milliseconds after which a retry can succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_in_ms: Option<u64>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<auth::Refusal> for Problem {
    fn from(refusal: auth::Refusal) -> Self {
        Self::new(refusal.cause, refusal.detail)
    }
}

impl From<handshake::Refused> for Problem {
    fn from(refused: handshake::Refused) -> Self {
        Self::new(refused.cause, refused.detail)
    }
}

impl From<charla_core::session::Refusal> for Problem {
    fn from(refusal: charla_core::session::Refusal) -> Self {
        Self::new(refusal.cause, refusal.detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let refusal = crate::join::unavailable(error);
        Self::new(refusal.cause, refusal.detail)
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        Self::new(error.cause(), error.detail())
    }
}
