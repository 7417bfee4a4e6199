//! Who serves the WebSocket, against real servers.

use std::net::TcpStream;

use charla_doctor::evidence::Kind;
use charla_doctor::probe::server::{Expected, Looked, look};

use crate::lab::{Server, free_port};

fn expecting(port: u16) -> Expected {
    Expected {
        port: Some(port),
        again: "charla doctor".to_owned(),
        ..Expected::default()
    }
}

async fn look_at(port: u16) -> Looked {
    look(&expecting(port)).await
}

#[tokio::test]
async fn uvicorn_is_found_by_its_socket_with_all_that_matters() {
    let server = Server::python_with(
        &[
            "-m",
            "uvicorn",
            "app:application",
            "--port",
            "{port}",
            "--ws-ping-interval",
            "300",
            "--limit-concurrency=900",
        ],
        &[("REDIS_URL", "redis://:hidden@127.0.0.1:6379/0")],
        "Uvicorn running on",
    );
    let connected = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let Looked {
        seen, app, skipped, ..
    } = look_at(server.port).await;
    drop(connected);

    let process = seen.process.as_ref().unwrap();
    assert_eq!((process.pid, process.kind), (server.pid(), Kind::Uvicorn));
    assert_eq!(seen.listeners.len(), 1);
    assert_eq!(seen.listeners[0].address, format!("127.0.0.1:{}", server.port));
    assert!(seen.listeners[0].backlog.is_some_and(|backlog| backlog > 100));
    assert_eq!(process.ping_interval_s, Some(300.0));
    assert_eq!(process.limit_concurrency, Some(900));
    assert_eq!(process.module.as_deref(), Some("app:application"));
    assert_eq!(process.connections, Some(1));
    assert!(process.descriptors.unwrap() > 3 && process.descriptor_limit.unwrap() > 100);
    assert!(process.cpu.is_some_and(|cpu| cpu < 0.9));
    assert!(["S", "R"].contains(&process.state.as_str()));
    assert_eq!(seen.package("uvicorn"), Some("0.54.0"));
    assert!(seen.package("websockets").is_some());
    assert!(skipped.is_empty());

    let app = app.unwrap();
    assert!(app.environment.contains_key("REDIS_URL"));
    assert_eq!(app.folder.unwrap(), server.folder.path().canonicalize().unwrap());
    let told = serde_json::to_string(&seen).unwrap();
    assert!(!told.contains("hidden"), "{told}");
}

#[tokio::test]
async fn daphne_on_another_port_is_found_elsewhere() {
    let server = Server::python(
        &["-m", "daphne", "-p", "{port}", "app:application"],
        "Listening on TCP address",
    );
    let Looked { seen, app, .. } = look_at(free_port()).await;
    assert!(seen.listeners.is_empty());
    let other = seen
        .elsewhere
        .iter()
        .find(|other| other.pid == Some(server.pid()))
        .unwrap();
    assert_eq!(
        (other.kind, other.address.as_str()),
        (Kind::Daphne, format!("127.0.0.1:{}", server.port).as_str())
    );
    assert!(app.is_some());
}

#[tokio::test]
async fn workers_are_told_from_their_parent() {
    let server = Server::python(
        &[
            "-m",
            "uvicorn",
            "app:application",
            "--port",
            "{port}",
            "--workers",
            "2",
        ],
        "Application startup complete",
    );
    server.wait_for("Application startup complete");
    let Looked { seen, .. } = look_at(server.port).await;
    assert_eq!(seen.process.as_ref().unwrap().pid, server.pid());
    assert_eq!((seen.workers.len(), seen.serving.len()), (2, 2));
    assert!(!seen.workers.contains(&server.pid()));
    assert_eq!(seen.process.unwrap().workers, Some(2));
    assert!(seen.not_listening.iter().all(|other| other.pid != server.pid()));
}

#[tokio::test]
async fn a_stopped_server_is_seen_as_stopped_and_does_not_hang_the_doctor() {
    let server = Server::python(
        &["-m", "uvicorn", "app:application", "--port", "{port}"],
        "Uvicorn running on",
    );
    server.signal("STOP");
    let Looked { seen, .. } = look_at(server.port).await;
    assert_eq!(seen.process.unwrap().state, "T");
    assert_eq!(seen.serving[0].state, "T");
}
