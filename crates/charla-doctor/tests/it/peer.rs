//! Peers that answer a handshake in every way there is, over real sockets on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use charla_wire::codec::accept_key;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a peer does with whoever connects.
#[derive(Clone)]
pub(crate) enum Does {
    /// Reads and says nothing.
    StaysSilent,
    /// Hangs up without reading: the kernel answers with a reset when something was sent.
    HangsUp,
    /// Reads the head and ends in order.
    Ends,
    /// Says this, and ends.
    Says(Vec<u8>),
    /// Upgrades with these further lines, sends these bytes, then does that.
    Upgrades(&'static str, Vec<u8>, Then),
    /// Asks this of the head.
    Decides(Arc<dyn Fn(&str) -> Self + Send + Sync>),
}

/// What an upgraded peer does after its first bytes.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// Answers pings and a close.
    Lives,
    /// Reads and answers nothing.
    Deaf,
    /// Ends without a close frame.
    Cuts,
}

impl Does {
    pub(crate) fn says(text: &str) -> Self {
        Self::Says(text.as_bytes().to_vec())
    }
}

/// Starts a peer; it ends with the test's runtime.
pub(crate) async fn peer(does: Does) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(stream, does.clone()));
        }
    });
    address
}

async fn play(mut stream: TcpStream, does: Does) {
    if matches!(does, Does::HangsUp) {
        // The request must have arrived: what is unread when a socket is closed makes a reset of it.
        stream.readable().await.unwrap();
        return;
    }
    serve(&mut stream, does).await;
}

/// Plays over any stream, TLS too.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, mut does: Does) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    while let Does::Decides(decide) = &does {
        does = decide(&head);
    }
    match does {
        Does::StaysSilent => {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Does::HangsUp | Does::Ends | Does::Decides(_) => {}
        Does::Says(bytes) => stream.write_all(&bytes).await.unwrap(),
        Does::Upgrades(lines, bytes, then) => {
            let key = head
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
                .unwrap();
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n{lines}\r\n",
                accept_key(key)
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            match then {
                Then::Lives => echo(stream).await,
                Then::Deaf => drop(stream.read_to_end(&mut Vec::new()).await),
                Then::Cuts => {}
            }
        }
    }
}

/// Answers a masked ping with its pong, and a close with itself.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    loop {
        let mut header = [0; 2];
        if stream.read_exact(&mut header).await.is_err() {
            return;
        }
        let length = match header[1] & 0x7f {
            126 => usize::from(stream.read_u16().await.unwrap()),
            127 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut mask = [0; 4];
        stream.read_exact(&mut mask).await.unwrap();
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        let answer = match header[0] & 0x0f {
            8 => 0x88,
            9 => 0x8a,
            _ => continue,
        };
        let mut frame = vec![answer, u8::try_from(payload.len()).unwrap()];
        frame.extend(payload);
        if stream.write_all(&frame).await.is_err() || answer == 0x88 {
            return;
        }
    }
}
