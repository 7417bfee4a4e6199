//! Many people, each at the door of a chat of its own: how long each waited, and for what.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::server::SECRET;
use crate::failure::{Failure, Outcome};
use crate::load::{Event, PATIENCE, Pool, message};

/// Handshakes under way at once.
const AT_ONCE: usize = 64;

/// What became of them; times in milliseconds.
pub(super) struct Knocked {
    /// Until they heard their chat.
    pub(super) inside: Vec<f64>,
    /// Until they were told that nobody knows.
    pub(super) away: Vec<f64>,
    /// What others were told.
    pub(super) other: Vec<String>,
    /// From the first to the last.
    pub(super) took: Duration,
}

/// Has everybody knock once.
pub(super) fn knock(to: SocketAddr, people: usize) -> Outcome<Knocked> {
    let mut pool = Pool::new()?;
    let handshakes: Vec<Vec<u8>> = (1..=people).map(|person| handshake(to, person)).collect();
    let (began, mut since) = (Instant::now(), HashMap::new());
    let mut knocked = Knocked {
        inside: Vec::new(),
        away: Vec::new(),
        other: Vec::new(),
        took: Duration::ZERO,
    };
    let (mut done, mut last) = (0, Instant::now());
    let mut next = handshakes.iter();
    while done < people {
        while since.len() < AT_ONCE {
            let Some(handshake) = next.next() else { break };
            let connection = pool.connect(to, handshake, None)?;
            since.insert(connection, Instant::now());
        }
        let mut finished = Vec::new();
        pool.turn(Duration::from_millis(100), &mut |connection, event| {
            let Some(began) = since.get(&connection) else {
                return;
            };
            let waited = began.elapsed().as_secs_f64() * 1e3;
            match event {
                Event::Open => return,
                Event::Text(payload) if message::kind(payload) != b"subscribed" => return,
                Event::Text(_) => knocked.inside.push(waited),
                Event::Closed(reason) if reason.contains("authority_unavailable") => {
                    knocked.away.push(waited)
                }
                Event::Closed(reason) => knocked.other.push(reason),
            }
            since.remove(&connection);
            finished.push(connection);
        })?;
        if finished.is_empty() && last.elapsed() > PATIENCE {
            return Err(Failure::Stalled {
                what: "handshakes".into(),
                after: PATIENCE,
                expected: people as u64,
                seen: done as u64,
            });
        }
        for connection in finished {
            pool.close(connection);
            done += 1;
            last = Instant::now();
        }
    }
    knocked.took = began.elapsed();
    Ok(knocked)
}

/// A handshake by a person for the chat of the same number.
fn handshake(to: SocketAddr, person: usize) -> Vec<u8> {
    format!(
        "GET /ws/chat/{person}/?tenant=bench HTTP/1.1\r\nHost: {to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: charla.v1, bearer.{}\r\n\r\n",
        token(person)
    )
    .into_bytes()
}

/// A token as SimpleJWT makes it.
fn token(person: usize) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims =
        format!(r#"{{"token_type":"access","exp":4102444800,"jti":"{person}","user_id":"{person}"}}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map(|mut mac| {
        mac.update(message.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    });
    format!("{message}.{}", signature.unwrap_or_default())
}
