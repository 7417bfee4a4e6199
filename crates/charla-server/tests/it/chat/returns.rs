//! A crowd that is sent away is told to come back no faster than it can be let in, and is let in when it does.

use std::time::{Duration, Instant};

use charla_wire::cause::retry_in_ms;
use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::serving::{Client, PATIENCE, Serving, soon, until, with_parameter};

/// Clients of a crowd.
const CROWD: usize = 300;
/// How much slower than the measured pace they are called, for the others who come meanwhile.
const HEADROOM: f64 = 1.25;

/// How many of them fall into each of ten equal parts of `span` from `from` on.
fn histogram(moments: &[f64], from: f64, span: f64) -> [usize; 10] {
    std::array::from_fn(|part| {
        let begins = from + span / 10.0 * part as f64;
        let ends = begins + span / 10.0;
        let here = moments.iter().filter(|moment| (begins..ends).contains(*moment));
        here.count()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_crowd_comes_back_flat_and_is_let_in() {
    let many = |settings: &mut charla_server::settings::Settings| {
        settings.limits.connections_per_user = usize::MAX;
        settings.limits.connections_per_address = usize::MAX;
    };
    let serving = Serving::start_with(many).await;
    let mut clients = join_all((0..CROWD).map(|_| serving.connect("ana", "/ws/chat/5/"))).await;
    for client in &mut clients {
        client.next_of("subscribed").await;
    }
    let rate = serving.node().accept_rate();
    let draining = tokio::spawn(serving.drain());
    let mut delays = Vec::new();
    for client in &mut clients {
        let (code, reason) = client.end().await;
        assert_eq!((code, reason.split(':').next()), (1012, Some("restarting")));
        delays.push(retry_in_ms(&reason).unwrap());
    }
    let folder = soon("the drain", draining).await.unwrap();

    let span = CROWD as f64 * HEADROOM / rate * 1_000.0;
    let moments: Vec<f64> = delays.iter().map(|delay| *delay as f64).collect();
    let (first, last) = (
        moments.iter().copied().fold(f64::MAX, f64::min),
        moments.iter().copied().fold(0.0, f64::max),
    );
    assert!((500.0..510.0 + span / CROWD as f64).contains(&first), "{first}");
    // They are told one after the other, which takes a moment too.
    assert!(
        (last - 500.0 - span).abs() < span / 10.0 + 50.0,
        "{last} for {span}"
    );
    let counts = histogram(&moments, first, last - first + 1.0);
    assert!(
        counts
            .iter()
            .all(|count| (CROWD / 20..=CROWD / 5).contains(count)),
        "flat: {counts:?}"
    );

    let serving = Serving::start_at(folder, charla_server::clock::system(), many).await;
    let token = serving.token("ana").await;
    let path = with_parameter("/ws/chat/5/?after=0", "token", &token);
    let back = join_all(delays.iter().map(|delay| async {
        // sleeps because the server told it to
        tokio::time::sleep(Duration::from_millis(*delay)).await;
        let mut client = Client::open(serving.address, &path, &["charla.v1"]).await;
        client.next_of("subscribed").await;
        client
    }))
    .await;
    assert_eq!(back.len(), CROWD);
    let figures = serving.http("GET", "/metrics", &[], b"").await;
    let figures = String::from_utf8(figures.body).unwrap();
    let handshakes: Vec<_> = figures
        .lines()
        .filter(|line| line.starts_with("charla_handshakes_total"))
        .collect();
    assert_eq!(
        handshakes,
        [format!(
            r#"charla_handshakes_total{{outcome="accepted"}} {CROWD}"#
        )]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_in_while_the_server_leaves_is_sent_away_too() {
    let serving = Serving::start_with(|settings| {
        settings.limits.connections_per_user = usize::MAX;
        settings.limits.connections_per_address = usize::MAX;
        settings.server.drain = 2 * PATIENCE;
    })
    .await;
    let address = serving.address;
    let path = format!("/ws/chat/5/?token={}", serving.token("ana").await);
    let comers = (0..20).map(|_| {
        let path = path.clone();
        tokio::spawn(async move {
            let mut inside = Vec::new();
            while inside.len() < 100
                && let Ok(socket) = TcpStream::connect(address).await
                && let Some(client) = Client::try_open_over(socket, address, &path, &["charla.v1"]).await
            {
                inside.push(client);
            }
            for client in &mut inside {
                let (code, reason) = client.end().await;
                assert_eq!(code, 1012, "{reason}");
            }
        })
    });
    let comers: Vec<_> = comers.collect();
    let connections = &serving.node().metrics.connections;
    until("the first to be inside", || async { connections.get() >= 100 }).await;
    soon("the drain", serving.drain()).await;
    for comer in comers {
        comer.await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_crowd_is_not_told_the_same_second() {
    let serving = Serving::start_with(|settings| {
        settings.limits.connections = 1;
        settings.limits.returns_per_second = 50;
    })
    .await;
    let mut first = serving.connect("ana", "/ws/chat/5/").await;
    first.next_of("subscribed").await;
    let token = serving.token("luis").await;
    let path = format!("/ws/chat/5/?token={token}");
    let began = Instant::now();
    let moments = join_all((0..CROWD).map(|_| async {
        let (code, reason) = Client::open(serving.address, &path, &["charla.v1"])
            .await
            .end()
            .await;
        assert_eq!((code, reason.split(':').next()), (1013, Some("overloaded")));
        began.elapsed().as_secs_f64() + retry_in_ms(&reason).unwrap() as f64 / 1_000.0
    }))
    .await;
    // 300 at 50 a second, with headroom, from the tenth second on: 40 in each of seven and a half.
    let counts = histogram(&moments, 10.0, 10.0);
    assert!(counts.iter().all(|count| *count <= 60), "{counts:?}");
    assert!(
        counts.iter().filter(|count| **count >= 20).count() >= 6,
        "{counts:?}"
    );

    let reply = serving.http("GET", &path, &[], b"").await;
    let delay = reply.json()["retry_in_ms"].as_u64().unwrap();
    let in_seconds = delay.div_ceil(1_000).to_string();
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some(&*in_seconds))
    );
    assert!(delay > 10_000, "behind the others: {delay}");
}
