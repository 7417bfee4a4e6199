//! What the doctor says, against fixtures and real servers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod certificates;
mod charla;
mod cluster;
mod database;
mod django;
mod handshake;
mod lab;
mod nginx;
mod peer;
mod processes;
mod redis;
mod registry;
mod verdicts;
