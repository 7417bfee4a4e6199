//! Real programs: a Django site under an ASGI server, Redis, nginx, PostgreSQL, Charla.

pub(crate) mod charla;
pub(crate) mod django;
pub(crate) mod nginx;
pub(crate) mod postgres;
pub(crate) mod redis;
