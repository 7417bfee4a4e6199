//! One target under libFuzzer: `CHARLA_FUZZ_TARGET` names it, libFuzzer's own flags say the rest. `cargo xtask fuzz` builds it with our
//! crates instrumented; built without, it would run blind.

#![no_main]

use std::sync::LazyLock;

use charla_fuzz::{Target, named};

static CHOSEN: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("CHARLA_FUZZ_TARGET").unwrap_or_default();
    named(&name).unwrap_or_else(|| panic!("CHARLA_FUZZ_TARGET={name}: no such target"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (CHOSEN.run)(bytes));
