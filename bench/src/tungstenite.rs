//! A bare broadcast on `tokio-tungstenite`, as its examples and tokio's suggest: a task a connection, fed by one
//! `broadcast` channel. No users, chats or storage; who falls behind by the channel's length is cut.

use std::io::Write;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use crate::failure::Outcome;

/// Messages that a connection may be behind.
const BEHIND: usize = 1_024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;

/// Serves until it is ended.
pub(crate) fn serve(listen: SocketAddr) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(listen)?;
        let listener = socket.listen(BACKLOG)?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        let (everybody, _) = broadcast::channel(BEHIND);
        loop {
            let (stream, _) = listener.accept().await?;
            let _ = stream.set_nodelay(true);
            tokio::spawn(converse(stream, everybody.clone()));
        }
    })
}

async fn converse(stream: TcpStream, everybody: broadcast::Sender<Message>) {
    let mut heard = everybody.subscribe();
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let (mut to, mut from) = socket.split();
    loop {
        tokio::select! {
            said = from.next() => match said {
                Some(Ok(message)) if message.is_text() => drop(everybody.send(message)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            message = heard.recv() => {
                let Ok(message) = message else { return };
                if to.send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}
