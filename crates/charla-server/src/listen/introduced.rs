//! A proxy's first words about whom it brings, read to their last byte and not beyond.

use std::io;
use std::net::IpAddr;

use charla_wire::proxy_header::{self, HEADER_MAX, Progress, ProxyHeaderError};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Why nobody was introduced.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotIntroduced {
    /// Hung up, or broken.
    #[error(transparent)]
    Gone(#[from] io::Error),
    /// Other words came.
    #[error(transparent)]
    Header(#[from] ProxyHeaderError),
}

/// Reads the header of a proxy; the client's address, or `proxy` where it speaks for itself.
///
/// # Errors
/// [`NotIntroduced`].
pub(super) async fn introduced(stream: &mut TcpStream, proxy: IpAddr) -> Result<IpAddr, NotIntroduced> {
    let mut header = Vec::new();
    loop {
        match proxy_header::parse(&header)? {
            Progress::Whole { source, .. } => {
                return Ok(source.map_or(proxy, |source| source.ip().to_canonical()));
            }
            Progress::Needs(size) => {
                let known = header.len();
                header.resize(size.min(HEADER_MAX), 0);
                stream
                    .read_exact(header.get_mut(known..).unwrap_or_default())
                    .await?;
            }
        }
    }
}
