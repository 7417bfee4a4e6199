//! The way through a proxy: CONNECT with and without a password, SOCKS5, and proxies that will not.

use std::net::SocketAddr;
use std::sync::Arc;

use charla_client::connection::Event;
use charla_client::http::{Question, ask_over};
use charla_client::{Address, ConnectError, Connection, Dialect, Dialer, Proxies, Proxy};
use charla_wire::Cause;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::listening::{answering, closed_port, echo, listen, read_head};

/// What a proxy was asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy for CONNECT that wants `ana:secreto`.
async fn connect_proxy(asked: &Asked) -> SocketAddr {
    let asked = Arc::clone(asked);
    listen(move |mut stream| {
        let asked = Arc::clone(&asked);
        async move {
            let head = read_head(&mut stream).await;
            let target = head.split(' ').nth(1).unwrap().to_owned();
            let may = head.contains("Proxy-Authorization: Basic YW5hOnNlY3JldG8=\r\n");
            asked.lock().await.push(head);
            if !may {
                let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
                stream.write_all(refusal.as_bytes()).await.unwrap();
                return;
            }
            let mut onward = TcpStream::connect(target).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 go on\r\n\r\n").await.unwrap();
            // Ends when either side has enough.
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        }
    })
    .await
}

/// A SOCKS5 proxy that wants no password, and resolves names itself.
async fn socks_proxy() -> SocketAddr {
    listen(|mut stream| async move {
        let mut hello = [0; 3];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, [5, 1, 0]);
        stream.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..4], [5, 1, 0, 3], "by name");
        let mut name = vec![0; usize::from(request[4])];
        stream.read_exact(&mut name).await.unwrap();
        let port = stream.read_u16().await.unwrap();
        let name = String::from_utf8(name).unwrap();
        let mut onward = TcpStream::connect((name, port)).await.unwrap();
        stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
    })
    .await
}

fn through(proxy: &str) -> Dialer {
    Dialer::new().with_proxies(Proxies::always(Proxy::parse(proxy).unwrap()))
}

async fn speaks(dialer: &Dialer, address: &Address) {
    let mut client = Connection::connect_over(dialer, address, Dialect::CharlaV1)
        .await
        .unwrap();
    let frame = json!({"through": "the proxy"});
    client.send_frame(&frame).await.unwrap();
    assert_eq!(client.next().await, Event::Frame(frame));
}

#[tokio::test]
async fn a_tunnel_is_asked_for_with_the_password_of_the_proxy() {
    let asked = Asked::default();
    let proxy = connect_proxy(&asked).await;
    let server = listen(echo).await;
    let address = Address::parse(&format!("ws://{server}/ws/?token=eyJ.a.b")).unwrap();
    speaks(&through(&format!("http://ana:secreto@{proxy}")), &address).await;
    let asked = asked.lock().await;
    assert!(
        asked[0].starts_with(&format!("CONNECT {server} HTTP/1.1\r\n")),
        "{asked:?}"
    );
    assert!(!asked[0].contains("eyJ"), "the token is not the proxy's business");
}

#[tokio::test]
async fn the_preflight_takes_the_same_way() {
    let asked = Asked::default();
    let proxy = connect_proxy(&asked).await;
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"ok\":true}").await;
    let address = Address::parse(&format!("ws://{server}/ws/")).unwrap();
    let dialer = through(&format!("http://ana:secreto@{proxy}"));
    let answer = ask_over(&dialer, &address, Question::get("/ws/")).await.unwrap();
    assert_eq!(answer.json, json!({"ok": true}));
    assert_eq!(asked.lock().await.len(), 1);
}

#[tokio::test]
async fn socks5_leads_there_too() {
    let proxy = socks_proxy().await;
    let server = listen(echo).await;
    let address = Address::parse(&format!("ws://localhost:{}/ws/", server.port())).unwrap();
    speaks(&through(&format!("socks5h://{proxy}")), &address).await;
}

#[tokio::test]
async fn a_proxy_that_will_not_or_is_not_there_is_named_as_such() {
    let asked = Asked::default();
    let wants_password = connect_proxy(&asked).await;
    let no_proxy = answering("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let address = Address::parse("ws://127.0.0.1:9/ws/").unwrap();
    let rows = [
        (wants_password, Cause::ProxyAuthRequired, "407"),
        (no_proxy, Cause::ServerUnreachable, "does not speak HTTP"),
        (closed_port(), Cause::ServerUnreachable, "refused"),
    ];
    for (proxy, cause, said) in rows {
        let dialer = through(&proxy.to_string());
        let error = Connection::connect_over(&dialer, &address, Dialect::CharlaV1)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Proxy { .. }), "{error}");
        assert_eq!(error.cause(), Some(cause), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}
