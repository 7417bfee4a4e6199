//! RFC 6455 and RFC 7692 as bytes: [`Header`] and [`Decoder`] read, [`encode`] writes, [`deflate`] squeezes.
//!
//! The decoder borrows what it is given and owns memory only while a message is in pieces, so an idle
//! connection holds no buffer. Nothing here knows a chat.

mod decode;
pub mod deflate;
mod encode;
mod extensions;
mod header;
mod upgrade;

pub use decode::{Decoded, Decoder, Event, Limits};
pub use encode::{Frame, close, control, masked, ping, pong, text};
pub use header::{Fault, Header, Opcode};
pub use upgrade::accept_key;
