//! What goes over a Charla socket: ids, causes, frames and the codec. No runtime, no I/O.

pub mod attachment;
pub mod cause;
pub mod client_frame;
pub mod codec;
pub mod ids;
mod json;
pub mod plain;
pub mod proxy_header;

pub mod server_frame;

pub use attachment::Attachment;
pub use cause::{Cause, Lang, Retry};
pub use client_frame::{ClientFrame, FrameError};
pub use ids::{ChatId, IdError, TenantId, Timestamp, UserId};
pub use json::check as check_json;
pub use server_frame::ServerFrame;
