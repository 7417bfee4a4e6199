//! HTTP besides the sockets: health, figures, tokens, the REST interface and the pages.

mod asked;
mod caller;
mod chats;
mod face;
mod health;
mod info;
mod me;
mod members;
mod pages;
mod problem;
mod shapes;
mod throttle;
mod token;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use charla_core::{Rate, UserKey};
use utoipa_axum::router::OpenApiRouter;

use crate::node::Node;
use problem::Problem;
use throttle::Throttle;

/// What the handlers share.
#[derive(Clone)]
struct Api {
    node: Arc<Node>,
    /// Failed sign-ins by address.
    sign_ins: Arc<Throttle<IpAddr>>,
    /// Requests by person.
    people: Arc<Throttle<UserKey>>,
}

impl FromRef<Api> for Arc<Node> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.node)
    }
}

/// All routes.
pub fn router(node: &Arc<Node>) -> Router {
    let limits = &node.settings.limits;
    let api = Api {
        node: Arc::clone(node),
        sign_ins: Arc::new(Throttle::per_minute(limits.logins_per_minute)),
        people: Arc::new(Throttle::per_second(Rate {
            per_second: limits.requests_per_second,
            burst: limits.request_burst,
        })),
    };
    let (rest, _) = rest().split_for_parts();
    rest.merge(pages::routes())
        .fallback(|| async { Problem::not_found("") })
        .with_state(api.clone())
        .merge(health::routes().with_state(Arc::clone(node)))
        .layer(DefaultBodyLimit::max(asked::BODY_MAX))
        .layer(axum::middleware::from_fn_with_state(api, face::attend))
}

/// The REST interface and its description.
fn rest() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(token::routes())
        .merge(info::routes())
        .merge(me::routes())
        .merge(chats::routes())
        .merge(members::routes())
}
