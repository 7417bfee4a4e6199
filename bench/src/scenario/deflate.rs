//! permessage-deflate on and off: what compressing costs the server, and what it saves on the way.

use super::Bench;
use crate::failure::Outcome;
use crate::load::Crowd;
use crate::report::{Bar, Row};
use crate::server::Server;
use crate::stats::Spread;

/// Bytes of text; above the size from which messages are compressed.
const LENGTH: usize = 200;
/// Deliveries of a round.
const DELIVERIES: u64 = 200_000;
/// What a client offers that keeps no memory of earlier messages.
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n";

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = bench.pick(20, 1_000);
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        off.push(cost(bench, size, false)?);
        on.push(cost(bench, size, true)?);
    }
    let row = |what: String, unit, pick: fn(&(f64, f64)) -> f64| Row {
        scenario: "deflate",
        what,
        unit,
        charla: Spread::of(on.iter().map(pick).collect()),
        reference: Some(("off".into(), Spread::of(off.iter().map(pick).collect()))),
        bar: Bar::Told,
    };
    Ok(vec![
        row(
            format!("CPU per delivery with permessage-deflate, {size} listeners, 1 message under way"),
            "us",
            |(cpu, _)| *cpu,
        ),
        row(
            "bytes of a delivery on the wire, the same".into(),
            "bytes",
            |(_, bytes)| *bytes,
        ),
    ])
}

/// CPU of a delivery in us, and its bytes.
fn cost(bench: &Bench, size: usize, compressed: bool) -> Outcome<(f64, f64)> {
    let server = Server::charla_set(&bench.charla, bench.store(), &["compression.enabled=true"])?;
    let mut handshake = server.listener();
    if compressed {
        handshake.truncate(handshake.len() - 2);
        handshake.extend_from_slice(OFFER.as_bytes());
    }
    let mut crowd = Crowd::gather_in(&server, server.chat(), &handshake, size)?;
    let count = bench.pick(400, DELIVERIES) / size as u64;
    crowd.flood(count.div_ceil(10), LENGTH, 1)?;
    let (cpu, bytes) = (server.cpu()?, crowd.pool.received);
    let delivered = crowd.flood(count, LENGTH, 1)? as f64;
    Ok((
        (server.cpu()? - cpu).as_secs_f64() * 1e6 / delivered,
        (crowd.pool.received - bytes) as f64 / delivered,
    ))
}
