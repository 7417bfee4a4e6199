//! An application that lets everybody in over HTTP, after as long as it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::failure::Outcome;

/// A running application; it ends with this process.
pub(super) struct Application {
    address: SocketAddr,
    delay: Arc<AtomicU64>,
}

impl Application {
    /// Starts it on a thread of its own.
    pub(super) fn start() -> Outcome<Self> {
        let delay = Arc::new(AtomicU64::new(0));
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let takes = Arc::clone(&delay);
        let answer = move |Json(asked): Json<Value>| {
            let takes = Duration::from_millis(takes.load(Ordering::Relaxed));
            async move {
                if !takes.is_zero() {
                    tokio::time::sleep(takes).await;
                }
                let name = format!(
                    "user{}",
                    asked.get("user").and_then(Value::as_str).unwrap_or_default()
                );
                Json(json!({"allowed": true, "role": "member", "name": name}))
            }
        };
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, Router::new().route("/authority/", post(answer))).await
            })
        });
        Ok(Self { address, delay })
    }

    /// Settings that ask it.
    pub(super) fn settings(&self) -> String {
        format!(
            "[authority]\nkind = \"http\"\nurl = \"http://{}/authority/\"\nsecret = \"what both of them know\"\n",
            self.address
        )
    }

    /// From now on an answer takes so long.
    pub(super) fn takes(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay.store(millis, Ordering::Relaxed);
    }
}
