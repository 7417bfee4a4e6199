//! The Rust client against a real server: what it promises through crashes, refusals and tokens that run out.

use std::net::SocketAddr;
use std::time::Duration;

use charla_client::machine::Name;
use charla_client::{Charla, Event, Events, Policy, State};

use crate::serving::soon;

mod crash;
mod refusals;
mod talk;
mod tokens;

/// A client's builder: at a path, without the patience that people need.
fn client(address: SocketAddr, path: &str) -> charla_client::Builder {
    Charla::builder(format!("ws://{address}{path}")).policy(Policy {
        first_delay: Duration::from_millis(20),
        max_delay: Duration::from_millis(200),
        ..Policy::default()
    })
}

/// The next message: its number and its words.
async fn next_message(events: &mut Events) -> (u64, String) {
    soon("a message", async {
        loop {
            if let Event::Message(message) = events.recv().await.expect("the client lives") {
                return (message.seq(), message.text().to_owned());
            }
        }
    })
    .await
}

/// The state once it is of this name.
async fn becomes(charla: &Charla, name: Name) -> State {
    let mut states = charla.states();
    let state = soon("the state", states.wait_for(|state| state.name == name)).await;
    state.unwrap().clone()
}
