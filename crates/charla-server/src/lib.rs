//! Charla's server: carries out what `charla-core` decides, on real sockets, stores and clocks.

pub mod auth;
pub mod clock;
pub mod log;
pub mod publish;
pub mod settings;
pub mod store;
