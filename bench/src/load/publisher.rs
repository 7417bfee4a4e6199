//! Who speaks where clients only listen: an application that publishes over HTTP, as Pusher's servers want it
//! (pusher.com, "HTTP API": events, and how a request is signed).

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use sha2::Sha256;

use super::message;
use crate::failure::{Failure, Outcome};

/// The application's id, key and secret: `peers/sockudo.toml` has the same.
pub(crate) const APPLICATION: &str = "bench";

/// One request a connection: Sockudo ends it with its answer. Answers are looked at as they come.
pub(crate) struct Publisher {
    address: SocketAddr,
    asked: Vec<Asked>,
}

/// A request, and what its answer's head has so far.
struct Asked {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Publisher {
    /// To the server at this address.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            asked: Vec::new(),
        }
    }

    /// Has message `number` delivered to everybody in `channel`. What earlier ones were answered is looked at by the way.
    pub(crate) fn publish(&mut self, channel: &str, number: u64, length: usize) -> Outcome<()> {
        let data = message::delivery(channel, number, length);
        let body = serde_json::json!({"name": "message", "channels": [channel], "data": data}).to_string();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(request(self.address, &body, since.as_secs()).as_bytes())?;
        self.asked.push(Asked {
            stream,
            answer: Vec::new(),
        });
        for mut asked in std::mem::take(&mut self.asked) {
            if !asked.is_answered()? {
                self.asked.push(asked);
            }
        }
        Ok(())
    }
}

impl Asked {
    /// Whether it was granted; an error where it was refused, `false` while nothing is said.
    fn is_answered(&mut self) -> Outcome<bool> {
        let mut buffer = [0; 4 * 1024];
        match rustix::net::recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(Failure::Server("hung up on who publishes".into())),
            Ok((count, _)) => self
                .answer
                .extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if !self.answer.windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok(false);
        }
        if self.answer.starts_with(b"HTTP/1.1 200") {
            return Ok(true);
        }
        let said = String::from_utf8_lossy(&self.answer);
        Err(Failure::Server(format!("refused to publish: {said}")))
    }
}

fn request(address: SocketAddr, body: &str, now: u64) -> String {
    let path = format!("/apps/{APPLICATION}/events");
    let digest = hex(&Md5::digest(body));
    let query = format!("auth_key={APPLICATION}&auth_timestamp={now}&auth_version=1.0&body_md5={digest}");
    let signature = signed(&format!("POST\n{path}\n{query}"));
    format!(
        "POST {path}?{query}&auth_signature={signature} HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn signed(text: &str) -> String {
    Hmac::<Sha256>::new_from_slice(APPLICATION.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            hex(&mac.finalize().into_bytes())
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{hex, request};

    #[test]
    fn a_request_is_signed_over_its_body() {
        let text = request("127.0.0.1:80".parse().unwrap(), "{}", 1_353_088_179);
        assert_eq!(hex(&[0, 255]), "00ff");
        // The MD5 of `{}`, and the HMAC-SHA256 that OpenSSL makes of the line with the secret "bench".
        assert!(text.contains("body_md5=99914b932bd37a50b983c5e7c90ae93b&auth_signature=11550c5c02f9c576f490732b432cf45b53cb2c0505a8f399ddcdd487f633d081 "), "{text}");
    }
}
