//! Lists of the file, with what each of their entries may say.

use crate::settings::bridge::{EVENT_FIELDS, GROUP_FIELDS};
use crate::settings::retention;
use crate::settings::webhooks::{ENDPOINT_FIELDS, ENDPOINTS};

/// The list of keys that tokens by others are signed with; it can be written in the file only.
pub(in crate::settings) const FOREIGN_KEYS: &str = "auth.keys";

/// The fields of one entry of [`FOREIGN_KEYS`].
const FOREIGN_KEY_FIELDS: [&str; 8] = [
    "kid",
    "algorithm",
    "secret",
    "secret_file",
    "secret_env",
    "public_key",
    "public_key_file",
    "tenant",
];

/// The list of groups of Django Channels; it can be written in the file only.
pub(in crate::settings) const BRIDGE_GROUPS: &str = "bridge.groups";

/// The list of events of Django Channels; likewise.
pub(in crate::settings) const BRIDGE_EVENTS: &str = "bridge.events";

/// The lists of the file, each with the fields that its entries may have.
pub(in crate::settings) const LISTS: &[(&str, &[&str])] = &[
    (FOREIGN_KEYS, &FOREIGN_KEY_FIELDS),
    (BRIDGE_GROUPS, &GROUP_FIELDS),
    (BRIDGE_EVENTS, &EVENT_FIELDS),
    (retention::TENANTS, &retention::FIELDS),
    (ENDPOINTS, &ENDPOINT_FIELDS),
];
