//! The programs of a run: Redis, PostgreSQL, nginx in front, and the nodes between them.

pub(crate) mod nginx;
pub(crate) mod node;
pub(crate) mod postgres;
pub(crate) mod redis;
