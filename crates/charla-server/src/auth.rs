//! Who is there: tokens verified, built-in accounts, tickets and keys of back ends.

mod claims;
mod identity;
mod jwks;
mod jws;
mod keys;
mod verify;

pub use identity::{Identity, Refusal};
pub use jwks::JwksUrlError;
pub use keys::KeyError;
pub use verify::{AuthSetupError, BUILTIN_KID, Verifier};
