//! The PROXY protocol's header, versions 1 and 2: where a connection that a proxy passes on comes from.
//!
//! A reader of a stream asks [`parse`] again with as many bytes as it is told are safe to take: it never takes one that belongs to
//! what comes behind the header. Source: HAProxy's "The PROXY protocol", sections 2.1 and 2.2.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of the longest header in text, line end included (section 2.1).
const LINE_MAX: usize = 107;
/// Bytes of the longest binary header that is taken: room for addresses and for what proxies say of certificates.
pub const HEADER_MAX: usize = 4096;
/// Bytes in front of a binary header's own length.
const BINARY_FIXED: usize = 16;
/// Bytes that tell both versions from everything else, and that neither is shorter than.
const FIRST: usize = 12;
const SIGNATURE: &[u8; FIRST] = b"\r\n\r\n\0\r\nQUIT\n";

/// What is known of a header so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It goes on: it has at least this many bytes in all.
    Needs(usize),
    /// It is whole.
    Whole {
        /// Its bytes.
        size: usize,
        /// Where the client is; `None`: the proxy speaks for itself (a check of its own), or does not know.
        source: Option<SocketAddr>,
    },
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeaderError {
    /// They begin as none does.
    Missing,
    /// Text that is not as it has to be.
    Line,
    /// A version, a command or a family that does not exist.
    Unknown,
    /// Addresses that do not fit into the length that was announced.
    Short,
    /// Longer than [`HEADER_MAX`].
    Long,
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the connection does not begin with a PROXY header",
            Self::Line => "the PROXY line is malformed",
            Self::Unknown => "the PROXY header is of an unknown version, command or family",
            Self::Short => "the PROXY header is too short for its addresses",
            Self::Long => "the PROXY header is longer than 4 KiB",
        })
    }
}

impl std::error::Error for ProxyHeaderError {}

/// Whether a stream's first bytes are those of a header, as far as they go.
#[must_use]
pub fn begins(bytes: &[u8]) -> bool {
    let first = bytes.get(..FIRST).unwrap_or(bytes);
    !first.is_empty()
        && (SIGNATURE.starts_with(first) || first.starts_with(b"PROXY ") || b"PROXY ".starts_with(first))
}

/// Reads a header at the front of `bytes`.
///
/// # Errors
/// [`ProxyHeaderError`], as soon as it can be known.
pub fn parse(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    if !bytes.is_empty() && !begins(bytes) {
        return Err(ProxyHeaderError::Missing);
    }
    if bytes.len() < FIRST {
        return Ok(Progress::Needs(FIRST));
    }
    if bytes.starts_with(SIGNATURE) {
        binary(bytes)
    } else {
        line(bytes)
    }
}

/// Version 1: `PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n`.
fn line(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    let searched = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let Some(end) = searched.windows(2).position(|two| two == b"\r\n") else {
        return if searched.len() == LINE_MAX {
            Err(ProxyHeaderError::Line)
        } else {
            Ok(Progress::Needs(bytes.len() + 1))
        };
    };
    let text = searched
        .get(..end)
        .and_then(|line| std::str::from_utf8(line).ok());
    let text = text.ok_or(ProxyHeaderError::Line)?;
    let source = source_of(text).ok_or(ProxyHeaderError::Line)?;
    Ok(Progress::Whole {
        size: end + 2,
        source,
    })
}

/// The client's address in a line; outside `None`: the line is none.
fn source_of(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    let ("PROXY", family) = (words.next()?, words.next()?) else {
        return None;
    };
    if family == "UNKNOWN" {
        // What stands behind is to be ignored.
        return Some(None);
    }
    let (source, destination) = (words.next()?, words.next()?);
    let (port, other_port) = (port(words.next()?)?, port(words.next()?)?);
    let (source, _, _): (IpAddr, IpAddr, u16) = (source.parse().ok()?, destination.parse().ok()?, other_port);
    let fits = match family {
        "TCP4" => source.is_ipv4(),
        "TCP6" => source.is_ipv6(),
        _ => false,
    };
    (fits && words.next().is_none()).then_some(Some(SocketAddr::new(source, port)))
}

fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Version 2: a signature, a command, a family, a length, addresses, and what else the proxy wants to say.
fn binary(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    let Some(&[command, family, high, low]) = bytes.get(FIRST..BINARY_FIXED) else {
        return Ok(Progress::Needs(BINARY_FIXED));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let size = BINARY_FIXED + length;
    if size > HEADER_MAX {
        return Err(ProxyHeaderError::Long);
    }
    let Some(addresses) = bytes.get(BINARY_FIXED..size) else {
        return Ok(Progress::Needs(size));
    };
    let source = match command {
        // LOCAL: whatever addresses stand there mean nothing.
        0x20 => None,
        0x21 => match family >> 4 {
            1 => Some(from_v4(addresses).ok_or(ProxyHeaderError::Short)?),
            2 => Some(from_v6(addresses).ok_or(ProxyHeaderError::Short)?),
            // No address, or a socket of the proxy's own machine.
            0 | 3 => None,
            _ => return Err(ProxyHeaderError::Unknown),
        },
        _ => return Err(ProxyHeaderError::Unknown),
    };
    Ok(Progress::Whole { size, source })
}

/// Source and destination, then both ports.
fn from_v4(bytes: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    let port: [u8; 2] = bytes.get(8..10)?.try_into().ok()?;
    bytes.get(10..12)?;
    Some((Ipv4Addr::from(address), u16::from_be_bytes(port)).into())
}

fn from_v6(bytes: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    let port: [u8; 2] = bytes.get(32..34)?.try_into().ok()?;
    bytes.get(34..36)?;
    Some((Ipv6Addr::from(address), u16::from_be_bytes(port)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Option<String>, ProxyHeaderError> {
        match parse(bytes)? {
            Progress::Whole { source, .. } => Ok(source.map(|source| source.to_string())),
            Progress::Needs(size) => panic!("needs {size} bytes of {bytes:?}"),
        }
    }

    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut bytes = [SIGNATURE.as_slice(), &[command, family]].concat();
        bytes.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
        bytes.extend(addresses);
        bytes
    }

    #[test]
    fn addresses_are_read_in_both_versions() {
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        v6[32..34].copy_from_slice(&51_000_u16.to_be_bytes());
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0xc7, 0x38, 1, 187];
        let said = [v4.as_slice(), &[4, 0, 1, 9]].concat();
        let rows: [(&[u8], Option<&str>); 9] = [
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n",
                Some("192.0.2.7:51000"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 ::1 51000 443\r\nGET",
                Some("[2001:db8::7]:51000"),
            ),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN what ever\r\n", None),
            (&binary(0x21, 0x11, &v4), Some("192.0.2.7:51000")),
            (&binary(0x21, 0x11, &said), Some("192.0.2.7:51000")),
            (&binary(0x21, 0x21, &v6), Some("[2001:db8::7]:51000")),
            (&binary(0x20, 0x00, b""), None),
            (&binary(0x21, 0x31, &[0; 216]), None),
        ];
        for (bytes, source) in rows {
            assert_eq!(whole(bytes).unwrap().as_deref(), source, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        let rows: [(&[u8], ProxyHeaderError); 14] = [
            (b"GET / HTTP/1.1\r\n", ProxyHeaderError::Missing),
            (b"\x16\x03\x01", ProxyHeaderError::Missing),
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n",
                ProxyHeaderError::Line,
            ),
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 70000\r\n",
                ProxyHeaderError::Line,
            ),
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n",
                ProxyHeaderError::Line,
            ),
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443 9\r\n",
                ProxyHeaderError::Line,
            ),
            (
                b"PROXY TCP4 2001:db8::7 ::1 51000 443\r\n",
                ProxyHeaderError::Line,
            ),
            (
                b"PROXY UDP4 192.0.2.7 198.51.100.1 1 443\r\n",
                ProxyHeaderError::Line,
            ),
            (b"PROXY TCP4 \xff\xff.0.2.7\r\n", ProxyHeaderError::Line),
            (long.as_bytes(), ProxyHeaderError::Line),
            (&binary(0x21, 0x11, &[0; 11]), ProxyHeaderError::Short),
            (&binary(0x21, 0x41, &[0; 12]), ProxyHeaderError::Unknown),
            (&binary(0x31, 0x11, &[0; 12]), ProxyHeaderError::Unknown),
            (&binary(0x21, 0x11, &[0; HEADER_MAX]), ProxyHeaderError::Long),
        ];
        for (bytes, error) in rows {
            assert_eq!(whole(bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn no_byte_behind_the_header_is_asked_for() {
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0xc7, 0x38, 1, 187];
        for header in [
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n".to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            binary(0x21, 0x11, &v4),
            binary(0x20, 0x00, b""),
        ] {
            let mut taken = 0;
            loop {
                match parse(&header[..taken]).unwrap() {
                    Progress::Needs(size) => {
                        assert!(size > taken && size <= header.len(), "{size} of {header:?}");
                        taken = size;
                    }
                    Progress::Whole { size, .. } => break assert_eq!(size, header.len()),
                }
            }
        }
    }
}
