//! What the doctor says, against fixtures and real servers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "a test that cannot go on fails, and a table of cases is as long as it is"
)]

mod certificates;
mod charla;
mod cluster;
mod database;
mod django;
mod handshake;
mod inputs;
mod lab;
mod nginx;
mod peer;
mod processes;
mod recorded;
mod redis;
mod registry;
mod verdicts;
