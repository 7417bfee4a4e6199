//! What the doctor says, against fixtures and real servers.

mod redis;
mod registry;
