//! What the doctor says, against fixtures and real servers.

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
