//! HTTP besides the sockets: health, figures, tokens, the REST interface and the pages.

mod asked;
mod attachments;
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
mod limits;
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
mod representation;
mod search;
mod shapes;
mod tenants;
mod token;
mod users;
mod webhooks;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef};
use charla_core::{Paces, UserKey};
use parking_lot::Mutex;
use utoipa_axum::router::OpenApiRouter;

use crate::node::Node;
pub(crate) use console::line as console_line;
use problem::Problem;

/// Addresses or people whose requests are counted at once. Those who could fill it have proved who they are, or spent a
/// password's hash on each.
const COUNTED_MAX: usize = 65_536;

/// What the handlers share.
#[derive(Clone)]
struct Api {
    node: Arc<Node>,
    /// Failed sign-ins by address.
    sign_ins: Arc<Mutex<Paces<IpAddr>>>,
    /// Requests by person.
    people: Arc<Mutex<Paces<UserKey>>>,
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
    let (rest, handlers) = rest().split_for_parts();
    let document = openapi::complete(handlers).to_json().unwrap_or_default();
    let api = Api {
        node: Arc::clone(node),
        sign_ins: Arc::new(Mutex::new(Paces::new(COUNTED_MAX))),
        people: Arc::new(Mutex::new(Paces::new(COUNTED_MAX))),
        document: document.into(),
    };
    rest.merge(pages::routes())
        .merge(cause_pages::routes())
        .merge(attachments::routes())
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
        .merge(limits::routes())
        .merge(loops::routes())
        .merge(nodes::routes())
        .merge(authority::routes())
        .merge(console::routes())
        .merge(webhooks::routes())
        .merge(causes::routes())
        .merge(openapi::routes())
}
