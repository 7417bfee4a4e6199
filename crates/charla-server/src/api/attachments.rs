//! `/attachments/{tenant}/{id}`: where files are put and fetched by addresses that this server has signed. Who has the address
//! needs no token; all that is wrong with one is answered as if there were no file.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use charla_core::session::Refusal;
use charla_wire::attachment::media_type;
use charla_wire::{Cause, TenantId};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use uuid::Uuid;

use super::Api;
use super::problem::Problem;
use super::representation::{Wanted, wanted};
use crate::attachments::directory::{Directory, Received};
use crate::attachments::{Attachments, Place, Signed, disposition, storage_away};
use crate::node::Node;
use crate::store::attachments::{AttachmentKey, KeptFile};

/// What a browser may do with a file that it shows: nothing but show it.
const POLICY: &str = "sandbox; default-src 'none'";
/// A file never changes, and is nobody else's.
const CACHE: &str = "private, max-age=31536000, immutable";

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/attachments/{tenant}/{id}", get(fetch).put(take))
}

/// A file that an address of ours names.
struct Meant<'n> {
    attachments: &'n Attachments,
    directory: &'n Directory,
    key: AttachmentKey,
    kept: KeptFile,
}

async fn meant<'n>(
    node: &'n Node,
    method: &str,
    (tenant, id): (String, String),
    query: Option<String>,
) -> Result<Meant<'n>, Problem> {
    let none = || not_there("");
    let attachments = node.attachments.as_ref();
    let attachments = attachments.ok_or_else(|| Problem::new(Cause::AttachmentsOff, ""))?;
    let Place::Directory(directory) = &attachments.place else {
        return Err(none());
    };
    let key = AttachmentKey {
        tenant: TenantId::parse(&tenant).map_err(|_| none())?,
        id: Uuid::try_parse(&id).map_err(|_| none())?,
    };
    match attachments.judge(method, &key, &query.unwrap_or_default(), (node.clock)()) {
        Signed::Good => {}
        Signed::Over => return Err(not_there("this address is over: ask for another one")),
        Signed::Foreign => return Err(none()),
    }
    let kept = node.store.attachment(&key).await?.ok_or_else(none)?;
    Ok(Meant {
        attachments,
        directory,
        key,
        kept,
    })
}

fn not_there(detail: &str) -> Problem {
    Problem::new(Cause::AttachmentNotFound, detail)
}

fn told(refusal: Refusal) -> Problem {
    Problem::new(refusal.cause, refusal.detail)
}

async fn take(
    State(node): State<Arc<Node>>,
    Path(path): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let file = meant(&node, "PUT", path, query).await?;
    let said = &file.kept.attachment;
    if file.kept.uploaded {
        // It came before, and its client did not hear so. What comes now counts for nothing.
        let most = usize::try_from(said.bytes).unwrap_or(usize::MAX);
        let _ = Limited::new(body, most).collect().await;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let line = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if line(header::CONTENT_TYPE).and_then(media_type).as_deref() != Some(&*said.media_type) {
        let detail = format!("it was announced as {}", said.media_type);
        return Err(Problem::new(Cause::AttachmentTypeRefused, detail));
    }
    let length = line(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if let Some(length) = length.filter(|length| *length != said.bytes) {
        return Err(wrong_length(length, said.bytes));
    }
    let Ok(_place) = file.attachments.uploads.try_acquire() else {
        return Err(Problem::new(Cause::Overloaded, "too many uploads at once"));
    };
    let within = node.settings.attachments.upload_within;
    match file.directory.receive(&file.key, said.bytes, body, within).await {
        Received::Whole => {}
        Received::TooMuch => return Err(wrong_length(said.bytes.saturating_add(1), said.bytes)),
        Received::TooLittle(came) => return Err(wrong_length(came, said.bytes)),
        Received::BrokenOff => return Err(Problem::bad_request("the file did not come to its end")),
        Received::Away(away) => return Err(told(storage_away(&away))),
    }
    if !node.store.uploaded(&file.key).await? {
        // It was let go meanwhile, and may have been deleted before it was there.
        if let Err(away) = file.directory.delete(&file.key).await {
            return Err(told(storage_away(&away)));
        }
        return Err(not_there(""));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn wrong_length(came: u64, announced: u64) -> Problem {
    if came > announced {
        let detail = format!("{announced} bytes were announced, and more come");
        return Problem::new(Cause::AttachmentTooLarge, detail);
    }
    Problem::bad_request(format!("{announced} bytes were announced, {came} came"))
}

async fn fetch(
    State(node): State<Arc<Node>>,
    method: Method,
    Path(path): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = meant(&node, "GET", path, query).await?;
    if !file.kept.uploaded {
        return Err(not_there(""));
    }
    let contents = file.directory.fetch(&file.key).await;
    let contents = contents.map_err(|away| told(storage_away(&away)))?;
    let contents = contents.ok_or_else(|| not_there(""))?;
    let (said, length) = (&file.kept.attachment, contents.length());
    // Under its id a file stays as it is.
    let tag = format!("\"{}\"", file.key.id.simple());
    let how = disposition(said);
    let mut lines = vec![(header::ETAG, &*tag), (header::CACHE_CONTROL, CACHE)];
    let mut response = match wanted(&method, &headers, &tag, length) {
        Wanted::Known => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            // As long as what is not sent (RFC 9110, section 8.6): without it an answer to HEAD says 0.
            mark(&mut response, &[(header::CONTENT_LENGTH, &length.to_string())])?;
            mark(&mut response, &lines)?;
            return Ok(response);
        }
        Wanted::Outside => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            mark(
                &mut response,
                &[(header::CONTENT_RANGE, &format!("bytes */{length}"))],
            )?;
            return Ok(response);
        }
        Wanted::Whole => Response::new(Body::new(contents)),
        Wanted::Part(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
            let mut response = Response::new(Body::new(contents.cut(part)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            mark(&mut response, &[(header::CONTENT_RANGE, &range)])?;
            response
        }
    };
    lines.extend([
        (header::ACCEPT_RANGES, "bytes"),
        (header::CONTENT_TYPE, &*said.media_type),
        (header::CONTENT_DISPOSITION, &*how),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address is a key to the file: it is told to nobody.
        (header::REFERRER_POLICY, "no-referrer"),
    ]);
    mark(&mut response, &lines)?;
    Ok(response)
}

fn mark(response: &mut Response, lines: &[(HeaderName, &str)]) -> Result<(), Problem> {
    for (name, value) in lines {
        let value = HeaderValue::from_str(value).map_err(|_| Problem::new(Cause::InternalError, ""))?;
        response.headers_mut().insert(name, value);
    }
    Ok(())
}
