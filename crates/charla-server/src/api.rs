//! HTTP besides the sockets: health, figures, tokens, the REST interface and the pages.

mod asked;
mod authority;
mod caller;
mod cause_pages;
mod causes;
mod chats;
mod console;
mod credentials;
mod doctor;
mod face;
mod health;
mod info;
mod loops;
mod me;
mod members;
mod messages;
mod nodes;
mod notifications;
mod openapi;
mod overseer;
mod pages;
mod personal;
mod problem;
mod search;
mod shapes;
mod tenants;
mod throttle;
mod token;
mod users;
mod webhooks;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef};
use charla_core::{Rate, UserKey};
use utoipa_axum::router::OpenApiRouter;

use crate::node::Node;
pub(crate) use console::line as console_line;
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
    /// The REST interface's description.
    document: Bytes,
}

impl FromRef<Api> for Arc<Node> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.node)
    }
}

/// All routes.
pub fn router(node: &Arc<Node>) -> Router {
    let limits = &node.settings.limits;
    let (rest, handlers) = rest().split_for_parts();
    let document = openapi::complete(handlers).to_json().unwrap_or_default();
    let api = Api {
        node: Arc::clone(node),
        sign_ins: Arc::new(Throttle::per_minute(limits.logins_per_minute)),
        people: Arc::new(Throttle::per_second(Rate {
            per_second: limits.requests_per_second,
            burst: limits.request_burst,
        })),
        document: document.into(),
    };
    rest.merge(pages::routes())
        .merge(cause_pages::routes())
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
        .merge(messages::routes())
        .merge(notifications::routes())
        .merge(users::routes())
        .merge(personal::routes())
        .merge(search::routes())
        .merge(tenants::routes())
        .merge(credentials::routes())
        .merge(doctor::routes())
        .merge(loops::routes())
        .merge(nodes::routes())
        .merge(authority::routes())
        .merge(console::routes())
        .merge(webhooks::routes())
        .merge(causes::routes())
        .merge(openapi::routes())
}
