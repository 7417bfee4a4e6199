//! The server's integration tests, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails loudly, and a child process speaks to its parent"
)]

mod api;
mod application;
mod attachments;
mod auth;
mod authority;
mod backup;
mod bad_inputs;
mod bridge;
mod broker_contract;
mod broker_redis;
mod bus;
mod cause_snippets;
mod chat;
mod client;
mod cluster;
mod console;
mod django_auth;
mod encrypted;
mod front_door;
mod hints;
mod isolation;
mod limits;
mod loops;
mod past;
mod personal;
mod python;
mod retention;
mod rolling;
mod serving;
mod store_archive;
mod store_contract;
mod store_kill;
mod store_postgres;
mod store_sqlite;
mod telemetry;
mod webhooks;
