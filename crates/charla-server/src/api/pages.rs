//! The pages, embedded in the binary: the chat at `/`, and what it and the others are made of.
//!
//! In a debug build they are read from the source tree, so that a reload shows a change.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Api;
use super::asked::At;
use super::problem::Problem;
use super::representation::is_known;
use crate::node::Node;

/// Nothing but our own files: no inline script, no other host, no frame around us.
const POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; \
                      script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'";
/// Asked for again each time, and answered 304 while it is the same: a new binary is seen at once.
const CACHE: &str = "no-cache";

#[derive(RustEmbed)]
#[folder = "../../web"]
struct Web;

#[derive(RustEmbed)]
#[folder = "../../js/src"]
struct BrowserClient;

/// `/`, `/assets/...`, the browsable interface and the operator's pages, which hold nothing until a key opens them.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(
            "/",
            get(|headers: HeaderMap| async move { page::<Web>("index.html", &headers) }),
        )
        .route(
            "/api/v1/docs",
            get(|headers: HeaderMap| async move { page::<Web>("api/index.html", &headers) }),
        )
        .route(
            "/console/doctor",
            get(|headers: HeaderMap| async move { page::<Web>("console/doctor.html", &headers) }),
        )
        .route(
            "/console/loops",
            get(|headers: HeaderMap| async move { page::<Web>("console/loops.html", &headers) }),
        )
        .route(
            "/console/nodes",
            get(|headers: HeaderMap| async move { page::<Web>("console/nodes.html", &headers) }),
        )
        .route(
            "/console/tenants",
            get(|headers: HeaderMap| async move { page::<Web>("console/tenants.html", &headers) }),
        )
        .route(
            "/console/webhooks",
            get(|headers: HeaderMap| async move { page::<Web>("console/webhooks.html", &headers) }),
        )
        .route("/console", get(overview))
        .route("/assets/web/{*path}", get(asset::<Web>))
        .route("/assets/charla/{*path}", get(asset::<BrowserClient>))
}

/// The overview is there where the console is on; the other pages of the operator's always are.
async fn overview(State(node): State<Arc<Node>>, headers: HeaderMap) -> Result<Response, Problem> {
    if !node.settings.console.enabled {
        return Err(Problem::not_found("the console is off: set console.enabled"));
    }
    page::<Web>("console/index.html", &headers)
}

async fn asset<E: RustEmbed>(At(path): At<String>, headers: HeaderMap) -> Result<Response, Problem> {
    page::<E>(&path, &headers)
}

/// The type of what may be asked for; `None` for what is only of use in the source tree.
fn media_type(path: &str) -> Option<&'static str> {
    if path.ends_with(".test.js") {
        return None;
    }
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

fn page<E: RustEmbed>(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\');
    let (Some(kind), true) = (media_type(path), path.split('/').all(plain)) else {
        return Err(Problem::not_found(""));
    };
    let file = E::get(path).ok_or_else(|| Problem::not_found(""))?;
    let tag = entity_tag(&file);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(file.data));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    guard(response.headers_mut());
    Ok(response)
}

/// The lines that keep a page to itself.
pub(super) fn guard(headers: &mut HeaderMap) {
    let lines = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, CACHE),
    ];
    for (name, value) in lines {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Changes with the contents: half of their SHA-256 is plenty.
fn entity_tag(file: &EmbeddedFile) -> String {
    use std::fmt::Write as _;
    let hash = file.metadata.sha256_hash();
    let mut tag = String::from("\"");
    for byte in hash.iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}
