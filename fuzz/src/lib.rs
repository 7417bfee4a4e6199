//! Whatever reads bytes of others, each as a [`Target`]: a function that takes any bytes, and panics where a promise is broken.
//!
//! A target promises more than not to panic where there is something to promise: that cutting a stream into pieces changes nothing
//! of what is read, that what was written is read back, that a bound holds, that no tenant hears of another.

mod target;

pub use target::{TARGETS, Target, named};
