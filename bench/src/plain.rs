//! A bare axum JSON route: what a preflight would cost if it checked nothing.

use std::io::Write;
use std::net::SocketAddr;

use axum::{Json, Router, routing::get};

use crate::failure::Outcome;

/// Serves until it is ended.
pub(crate) fn serve(listen: SocketAddr) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        let route = get(|| async { Json(serde_json::json!({ "ok": true, "connection": null })) });
        axum::serve(listener, Router::new().fallback(route)).await?;
        Ok(())
    })
}
