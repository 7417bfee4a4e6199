//! The only I/O: looks at everything that [`Wanted`](crate::plan::Wanted) names or that can be found from it.
//!
//! Each probe has a time limit, changes nothing, and fills in its part of the [`Evidence`].

mod answer;
pub mod ask;
mod certificate;
pub mod command;
pub mod database;
mod diag;
pub mod handshake;
pub mod held;
pub mod logs;
pub mod place;
pub mod proc;
pub mod python;
pub mod redis;
pub mod server;
pub mod sockets;
pub mod tls;
pub mod unit;

use charla_client::AddressError;

use crate::evidence::{Evidence, SCHEMA};
use crate::plan::Wanted;
use crate::target::{self, Address};
use crate::text::{Text, both};

/// Takes the address apart, or says what is wrong with it.
///
/// # Errors
/// [`AddressError`] says which part is wrong.
pub fn target(text: &str) -> Result<Address, AddressError> {
    target::parse(text)
}

/// Looks. `say` is told what is being done.
pub async fn look(wanted: &Wanted, say: &dyn Fn(&Text)) -> Evidence {
    say(&both!("taking the address apart", "desmontando la dirección"));
    let address = wanted
        .url
        .as_deref()
        .and_then(|url| target::parse(url).ok())
        .map(|address| address.with(wanted));
    Evidence {
        schema: SCHEMA,
        target: address.map(|address| address.target),
        ..Evidence::default()
    }
}
