//! `/api/v1/users/{id}/export` and `.../erase`: all that is kept of one person, for an application that was asked for it.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use charla_wire::UserId;
use http::header;
use hyper::body::{Body, Frame};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Perhaps};
use super::caller::BackEnd;
use super::problem::Problem;
use crate::listen::ClientAddress;
use crate::node::Node;
use crate::personal;
use crate::store::StoreError;
use crate::store::care::Words;

/// Lines that wait for a reader; the store is read no faster.
const LINES_WAITING: usize = 64;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(erase))
}

/// How somebody is erased.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct Erasure {
    /// Whether the texts of the messages stay, under a pseudonym.
    #[serde(default)]
    keep_texts: bool,
}

/// What was erased.
#[derive(Serialize, ToSchema)]
struct Erased {
    /// Who is the author of the messages now.
    #[schema(value_type = String)]
    alias: UserId,
    /// How many these are.
    messages: u64,
}

/// The lines of an export, as the store gives them; an export that fails midway ends the connection without an end.
struct Lines(mpsc::Receiver<Result<Value, StoreError>>);

impl Body for Lines {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        self.0
            .poll_recv(context)
            .map(|line| line.map(|line| line.map(|line| Frame::data(Bytes::from(format!("{line}\n"))))))
    }
}

/// All that is kept of a user, one JSON object a line: `profile`, `membership`, `read`, `session`, `notification`, `message`.
#[utoipa::path(
    get, path = "/api/v1/users/{id}/export", tag = "users",
    params(("id" = String, Path, description = "the user's id")),
    responses((status = 200, description = "JSON lines", content_type = "application/x-ndjson", body = String)), security(("key" = []))
)]
async fn export(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    At(id): At<UserId>,
) -> Result<Response, Problem> {
    let label = back_end.key.label.clone();
    let key = back_end.user_key(id);
    if node.store.user(&key).await?.is_none() {
        return Err(Problem::not_found(format!("there is no user {}", key.user)));
    }
    tracing::warn!(
        target: "charla::audit", by = format_args!("key {label:?}"), action = "export", %address,
        whom = format_args!("user {:?} of {}", key.user.as_str(), key.tenant), "a back end acts"
    );
    let (sink, lines) = mpsc::channel(LINES_WAITING);
    tokio::spawn(async move {
        let (each, mut read) = mpsc::channel(1);
        let passed_on = async {
            while let Some(line) = read.recv().await {
                if sink.send(Ok(line)).await.is_err() {
                    return;
                }
            }
        };
        // Gone at the end: then the other side ends as well.
        let read = async move { personal::export(&*node.store, &key, &each).await };
        let (done, ()) = tokio::join!(read, passed_on);
        if let Err(error) = done {
            // Nobody is left to be told when the reader is gone.
            let _ = sink.send(Err(error)).await;
        }
    });
    let kind = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((kind, axum::body::Body::new(Lines(lines))).into_response())
}

/// Takes away all that is kept of a user but the id, which is refused from now on. Its messages go too, or their author does.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/erase", tag = "users",
    params(("id" = String, Path, description = "the user's id")),
    request_body = Option<Erasure>, responses((status = 200, body = Erased)), security(("key" = []))
)]
async fn erase(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    At(id): At<UserId>,
    Perhaps(how): Perhaps<Erasure>,
) -> Result<Json<Erased>, Problem> {
    let label = back_end.key.label.clone();
    let key = back_end.user_key(id);
    let words = if how.keep_texts { Words::Stay } else { Words::Go };
    let erased = node.erase(&key, words).await?;
    let Some(erased) = erased else {
        return Err(Problem::not_found(format!("there is no user {}", key.user)));
    };
    // Under the new name: what is erased is not written down once more.
    tracing::warn!(
        target: "charla::audit", by = format_args!("key {label:?}"), action = "erase", %address,
        whom = format_args!("user {:?} of {}", erased.alias.as_str(), key.tenant), messages = erased.messages,
        "a back end acts"
    );
    Ok(Json(Erased {
        alias: erased.alias,
        messages: erased.messages,
    }))
}
