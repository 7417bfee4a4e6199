//! A request's head, read with patience that ends and limits that have names.

use std::io;

use charla_wire::Cause;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};
use tokio::io::AsyncReadExt;

use super::socket::Socket;
use crate::settings::ServerSettings;

/// Bytes asked of the socket at once.
const READ: usize = 2 * 1024;

/// Why there is no head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// The peer left, or never said anything that looks like HTTP.
    Gone,
    /// It is none, or too large: answer so and hang up.
    Refused(Cause, &'static str),
}

/// A head, and how many bytes of the buffer it took.
#[derive(Debug)]
pub(super) struct Head {
    /// Method, target, version and headers.
    pub parts: Parts,
    /// Bytes up to the body.
    pub size: usize,
}

/// Reads until `buffer` begins with a whole head.
///
/// # Errors
/// [`HeadError`].
pub(super) async fn read(
    socket: &mut Socket,
    buffer: &mut Vec<u8>,
    settings: &ServerSettings,
) -> Result<Head, HeadError> {
    let mut searched = 0;
    loop {
        // Looked at once per byte, however few arrive at a time.
        let from = searched_from(searched);
        if let Some(end) = buffer.get(from..).and_then(|new| find(new, b"\r\n\r\n")) {
            return parse(buffer.get(..from + end + 4).unwrap_or_default(), settings);
        }
        searched = buffer.len();
        check_size(buffer, settings)?;
        buffer.reserve(READ);
        match socket.read_buf(buffer).await {
            Ok(0) => return Err(HeadError::Gone),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(HeadError::Gone),
        }
    }
}

/// The head at the front of `bytes`, if it is all there.
///
/// # Errors
/// [`HeadError`].
pub(super) fn whole(bytes: &[u8], settings: &ServerSettings) -> Result<Option<Head>, HeadError> {
    match find(bytes, b"\r\n\r\n") {
        Some(end) => parse(bytes.get(..end + 4).unwrap_or_default(), settings).map(Some),
        None => check_size(bytes, settings).map(|()| None),
    }
}

const fn searched_from(searched: usize) -> usize {
    searched.saturating_sub(3)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Gives up early on what can no longer become a head.
fn check_size(buffer: &[u8], settings: &ServerSettings) -> Result<(), HeadError> {
    if buffer
        .first()
        .is_some_and(|first| !first.is_ascii_uppercase() && !matches!(first, b'\r' | b'\n'))
    {
        // A TLS hello, most likely: nothing that we could say would be understood.
        return Err(HeadError::Gone);
    }
    let first_line = find(buffer, b"\n").unwrap_or(buffer.len());
    // Room for the method, the version and the spaces beside the target.
    if first_line > settings.max_uri_bytes + 32 {
        return Err(HeadError::Refused(Cause::UriTooLarge, "the address is too long"));
    }
    if buffer.len() > settings.max_head_bytes {
        return Err(HeadError::Refused(
            Cause::HeaderTooLarge,
            "the headers are too large",
        ));
    }
    Ok(())
}

fn parse(bytes: &[u8], settings: &ServerSettings) -> Result<Head, HeadError> {
    check_size(bytes, settings)?;
    let bad = |detail| HeadError::Refused(Cause::BadRequest, detail);
    let mut headers = vec![httparse::EMPTY_HEADER; settings.max_headers];
    let mut request = httparse::Request::new(&mut headers);
    let size = match request.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Err(bad("the head ends early")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(HeadError::Refused(Cause::HeaderTooLarge, "too many headers"));
        }
        Err(_) => return Err(bad("not an HTTP/1.1 request")),
    };
    let mut parts = Request::new(()).into_parts().0;
    let method = request.method.unwrap_or_default();
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| bad("unknown method"))?;
    let target = request.path.unwrap_or_default();
    if target.len() > settings.max_uri_bytes {
        return Err(HeadError::Refused(Cause::UriTooLarge, "the address is too long"));
    }
    parts.uri = target
        .parse::<Uri>()
        .map_err(|_| bad("the address is malformed"))?;
    parts.version = if request.version == Some(0) {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    for line in request.headers.iter() {
        let name =
            HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| bad("a header's name is malformed"))?;
        let value = HeaderValue::from_bytes(line.value).map_err(|_| bad("a header's value is malformed"))?;
        parts.headers.append(name, value);
    }
    check_framing(&parts.headers).map_err(bad)?;
    Ok(Head { parts, size })
}

/// A length that two readers could take differently is how requests are smuggled (RFC 9112, section 6.3).
fn check_framing(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(());
    };
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err("`Content-Length` and `Transfer-Encoding` contradict each other");
    }
    if lengths.next().is_some() || length.is_empty() || !length.as_bytes().iter().all(u8::is_ascii_digit) {
        return Err("`Content-Length` is not a number");
    }
    Ok(())
}
