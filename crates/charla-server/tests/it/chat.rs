//! What `charla.v1` and the plain dialect promise, over real sockets.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::serving::Client;

mod crash;
mod door;
mod ending;
mod figures;
mod people;
mod plain;
mod resume;
mod returns;
mod search;
mod stress;
mod talk;

/// A send to a connection's own chat.
fn send(reference: u64, words: &str) -> Value {
    json!({"type": "send", "ref": reference, "id": Uuid::new_v4(), "text": words})
}

/// A send to a chat by name.
fn send_to(chat: &str, words: &str) -> Value {
    json!({"type": "send", "ref": 1, "chat": chat, "id": Uuid::new_v4(), "text": words})
}

/// Sends texts one after the other, each acknowledged before the next; the last number.
async fn say_all(client: &mut Client, words: &[&str]) -> u64 {
    let mut seq = 0;
    for words in words {
        seq = client.ask(&send(1, words), "ack").await["seq"].as_u64().unwrap();
    }
    seq
}

/// The numbers of a list of messages.
fn seqs(messages: &Value) -> Vec<u64> {
    let messages = messages.as_array().unwrap();
    messages
        .iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect()
}

/// The texts of a list of messages.
fn texts(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap();
    messages
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect()
}

/// The names of a frame's fields.
fn fields(frame: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = frame.as_object().unwrap().keys().map(|name| &**name).collect();
    names.sort_unstable();
    names
}
