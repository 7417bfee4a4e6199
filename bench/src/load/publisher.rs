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

/// A connection that stays open; answers are read as they come.
pub(crate) struct Publisher {
    stream: TcpStream,
    address: SocketAddr,
    /// The start of an answer of which the rest has not come.
    unread: Vec<u8>,
}

impl Publisher {
    /// To the server at this address.
    pub(crate) fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            address,
            unread: Vec::new(),
        })
    }

    /// Has message `number` delivered to everybody in `channel`. What an earlier one was answered is looked at by the way.
    pub(crate) fn publish(&mut self, channel: &str, number: u64, length: usize) -> Outcome<()> {
        let data = message::delivery(channel, number, length);
        let body = serde_json::json!({"name": "message", "channels": [channel], "data": data}).to_string();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = request(self.address, &body, since.as_secs());
        self.stream.write_all(request.as_bytes())?;
        self.read_answers()
    }

    fn read_answers(&mut self) -> Outcome<()> {
        let mut buffer = [0; 16 * 1024];
        match rustix::net::recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(Failure::Server("hung up on who publishes".into())),
            Ok((count, _)) => self
                .unread
                .extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        while let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let head =
                String::from_utf8_lossy(self.unread.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            let whole = end + 4 + length;
            if self.unread.len() < whole {
                break;
            }
            if !head.starts_with("http/1.1 200") {
                let said = String::from_utf8_lossy(self.unread.get(..whole).unwrap_or_default()).into_owned();
                return Err(Failure::Server(format!("refused to publish: {said}")));
            }
            self.unread.drain(..whole);
        }
        Ok(())
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
