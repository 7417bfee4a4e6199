//! What every answer has in common: its language, its problem document, what pages of other origins may
//! read, and that a handler's panic ends one request and nothing else.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use charla_wire::{Cause, Lang};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::Api;
use super::problem::Problem;
use crate::handshake::is_allowed_origin;
use crate::node::Node;

/// What pages of other origins may use.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str =
    "authorization, content-type, accept-language, charla-tenant, if-none-match, if-range, range";
/// What they may read besides the body.
const EXPOSED_HEADERS: &str = "retry-after, content-language, accept-ranges, content-range, etag";
/// Seconds for which a browser may remember that.
const PREFLIGHT_AGE: &str = "600";

/// Leads a request to its handler and its answer back out.
pub(super) async fn attend(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let origin = Origin::of(&api.node, &parts);
    let asks_options = parts.method == Method::OPTIONS;
    if asks_options && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return origin.preflight();
    }
    let answer = survive(next.run(Request::from_parts(parts, body))).await;
    let mut response = put_into_words(answer, lang, asks_options);
    origin.mark(response.headers_mut());
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The language that the reader likes best.
pub(super) fn language(headers: &HeaderMap) -> Lang {
    let wished = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    Lang::from_accept_language(wished.unwrap_or_default())
}

/// A handler that panics has refused one request with `internal_error`; the hook has written where.
async fn survive(handler: impl Future<Output = Response>) -> Response {
    let mut handler = pin!(handler);
    std::future::poll_fn(move |context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Problem::new(Cause::InternalError, "").into_response()))
    })
    .await
}

fn put_into_words(mut response: Response, lang: Lang, asks_options: bool) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.render(lang);
    }
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let cause = match response.status() {
        StatusCode::NOT_FOUND => Cause::NotFound,
        StatusCode::METHOD_NOT_ALLOWED if asks_options => {
            *response.status_mut() = StatusCode::NO_CONTENT;
            return response;
        }
        StatusCode::METHOD_NOT_ALLOWED => Cause::MethodNotAllowed,
        _ => return response,
    };
    let mut worded = Problem::new(cause, "").render(lang);
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        worded.headers_mut().insert(header::ALLOW, allow);
    }
    worded
}

/// Where the asking page comes from, as far as it matters for what the browser lets it read.
enum Origin {
    /// No page, or one that does not say.
    None,
    /// May read.
    Allowed(HeaderValue),
    /// May not.
    Foreign,
}

impl Origin {
    fn of(node: &Node, parts: &Parts) -> Self {
        let Some(origin) = parts.headers.get(header::ORIGIN) else {
            return Self::None;
        };
        match origin.to_str() {
            Ok(text) if is_allowed_origin(node, parts, text) => Self::Allowed(origin.clone()),
            Ok(_) | Err(_) => Self::Foreign,
        }
    }

    fn mark(&self, headers: &mut HeaderMap) {
        let vary = HeaderValue::from_static("origin");
        match self {
            Self::None => return,
            Self::Allowed(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            }
            Self::Foreign => {}
        }
        headers.append(header::VARY, vary);
    }

    fn preflight(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        self.mark(headers);
        if matches!(self, Self::Allowed(_)) {
            let lines = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
            ];
            for (name, value) in lines {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request() {
        let answer = survive(async { panic!("a handler's fault") }).await;
        let worded = put_into_words(answer, Lang::En, false);
        assert_eq!(worded.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let kind = worded.headers().get(header::CONTENT_TYPE).unwrap();
        assert_eq!(kind, "application/problem+json");
    }
}
