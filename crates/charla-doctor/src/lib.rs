//! The doctor: names the cause behind a failing WebSocket, on a Charla deployment or on any other stack.
//!
//! [`plan`] says what to look at, [`probe`] looks (the only I/O), [`evidence`] is what was seen, [`checks`] say what it means
//! without any I/O, [`verdict`] orders what they say, [`report`] tells it. [`explain`] makes the same evidence out of
//! pasted logs. Read-only: nothing on the machine is changed.

pub mod bundle;
pub mod checks;
pub mod django;
pub mod evidence;
pub mod explain;
pub mod nginx;
pub mod plan;
pub mod probe;
pub mod redact;
pub mod report;
pub mod signs;
pub mod target;
pub mod text;
pub mod token;
pub mod verdict;
