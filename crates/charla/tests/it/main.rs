//! The real binary, as people and scripts run it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod admin;
mod archive;
mod care;
mod certificate;
mod config;
mod connect;
mod demo;
mod doctor;
mod front;
mod import_django;
mod import_history;
mod migrate;
mod paper;
mod reload;
mod running;
mod storm;
mod supervised;
