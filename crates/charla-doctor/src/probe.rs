//! The only I/O: one plain GET at the WebSocket's address.

use charla_client::Address;
use charla_client::http::{Question, ask};

use crate::verdict::Evidence;

/// Asks the preflight at an address; the address's token goes along as a header.
pub async fn preflight(address: &Address) -> Evidence {
    let target = address.target();
    let question = Question {
        bearer: address.token(),
        ..Question::get(&target)
    };
    match ask(address, question).await {
        Ok(answer) => Evidence::Answer {
            status: answer.status,
            location: answer
                .headers
                .get("location")
                .and_then(|place| place.to_str().ok())
                .map(str::to_owned),
            target,
            json: answer.json,
        },
        Err(error) => Evidence::NoAnswer {
            cause: error.cause(),
            said: error.to_string(),
        },
    }
}
