//! Everything that is no socket's: hyper and the router, on a connection that the door hands over.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tower_service::Service;

use super::prefixed::Prefixed;
use super::socket::Socket;
use crate::attended::Attended;
use crate::converse::converse;
use crate::handshake::{self, Answer, Reply, Switch, is_socket_path};
use crate::node::Node;

/// The router, ready to serve connections.
#[derive(Clone)]
pub(crate) struct HttpFace {
    router: Router,
}

/// Where a request really comes from, for the routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub IpAddr);

/// Who is at the other end of the socket itself: a proxy, perhaps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbour(pub IpAddr);

impl HttpFace {
    /// Serves this router.
    #[must_use]
    pub(crate) const fn new(router: Router) -> Self {
        Self { router }
    }

    /// Serves one connection whose first bytes are in `unread`.
    pub(crate) async fn serve(
        self,
        node: Arc<Node>,
        socket: Socket,
        unread: Vec<u8>,
        peer: IpAddr,
        (attended, mut stop): (Option<Attended>, watch::Receiver<bool>),
    ) {
        let settings = &node.settings.server;
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(settings.handshake_timeout)
            .max_headers(settings.max_headers)
            .max_buf_size(settings.max_head_bytes.max(8 * 1024));
        let io = TokioIo::new(Prefixed { unread, socket });
        let service = service_fn(|request| {
            let (node, router) = (Arc::clone(&node), self.router.clone());
            async move { Ok::<_, Infallible>(respond(node, router, request, peer).await) }
        });
        let mut serving = pin!(http.serve_connection(io, service).with_upgrades());
        let outcome = tokio::select! {
            biased;
            outcome = &mut serving => outcome,
            () = async { drop(stop.wait_for(|stop| *stop).await) } => {
                // What is asked already is answered; who only keeps the connection is let go.
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        drop(attended);
        if let Err(error) = outcome {
            tracing::debug!(%error, address = %peer, "an HTTP connection broke");
        }
    }
}

async fn respond(
    node: Arc<Node>,
    mut router: Router,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    if is_socket_path(parts.uri.path()) {
        // A proxy may open a socket over a connection that served other requests before.
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        return match handshake::answer(&node, &parts, peer).await {
            Answer::Reply(reply) => http_reply(reply),
            Answer::Switch(switch) => http_switch(node, switch, on_upgrade),
        };
    }
    let address = handshake::client_address(&node, &parts, peer);
    parts.extensions.insert(ConnectInfo(ClientAddress(address)));
    parts.extensions.insert(Neighbour(peer));
    let Ok(response) = router.call(Request::from_parts(parts, Body::new(body))).await;
    response
}

fn http_reply(reply: Reply) -> Response<Body> {
    let has_content = !reply.body.is_empty();
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if has_content {
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    insert(headers, reply.headers);
    response
}

fn http_switch(node: Arc<Node>, mut switch: Box<Switch>, on_upgrade: Option<OnUpgrade>) -> Response<Body> {
    let Some(on_upgrade) = on_upgrade else {
        let detail = "this connection cannot be upgraded: use HTTP/1.1";
        return http_reply(Reply::error(charla_wire::Cause::BadRequest, detail));
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    insert(response.headers_mut(), std::mem::take(&mut switch.headers));
    tokio::spawn(async move {
        match on_upgrade.await.map(Upgraded::downcast::<TokioIo<Prefixed>>) {
            Ok(Ok(taken)) => {
                let Prefixed { mut unread, socket } = taken.io.into_inner();
                unread.splice(0..0, taken.read_buf);
                converse(&node, socket, *switch, unread);
            }
            Ok(Err(_)) => tracing::error!("an upgraded connection is not the one that was served"),
            Err(error) => tracing::debug!(%error, "an upgrade was not completed"),
        }
    });
    response
}

fn insert(headers: &mut http::HeaderMap, lines: Vec<(&'static str, String)>) {
    for (name, value) in lines {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
