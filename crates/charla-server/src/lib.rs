//! Charla's server: carries out what `charla-core` decides, on real sockets, stores and clocks.

pub mod actions;
mod admission;
pub mod api;
mod attended;
pub mod auth;
pub mod broker;
pub mod clock;
pub mod connection;
mod converse;
mod deliver;
pub mod doctor;
mod drain;
mod follow;
pub mod handshake;
pub mod happening;
mod inbox;
mod join;
mod listen;
pub mod log;
mod look;
mod membership;
pub mod metrics;
pub mod node;
mod peers;
mod progress;
pub mod publish;
mod receipts;
mod requests;
pub mod returns;
mod serve;
pub mod server;
pub mod settings;
pub mod store;
mod timers;
mod users;

pub use server::{Server, StartError};
