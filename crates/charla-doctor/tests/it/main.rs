//! What the doctor says, against fixtures and real servers.

mod handshake;
mod peer;
mod cluster;
mod database;
mod nginx;
mod redis;
mod lab;
mod processes;
mod registry;
