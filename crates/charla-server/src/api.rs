//! HTTP besides the sockets: health, figures, tokens, the REST interface and the pages.

mod health;

use std::sync::Arc;

use axum::Router;

use crate::node::Node;

/// All routes.
pub fn router(node: &Arc<Node>) -> Router {
    Router::new().merge(health::routes()).with_state(Arc::clone(node))
}
