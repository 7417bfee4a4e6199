//! What Charla believes: [signatures of tokens](signature), and [who stands at the other end of TLS](tls), to
//! [PostgreSQL](postgres) as well.
//!
//! One cryptographic library decides all of it, ring. Nothing here knows a token's claims, a setting or an address: keys,
//! bytes and certificates come in, and a yes or a no with its reason goes out.

pub mod postgres;
pub mod signature;
pub mod tls;
