//! The file that `charla config default` prints: every key with its meaning, variable and default. It loads back to the defaults.

use std::fmt::Write as _;

use super::Settings;
use super::keys::{FOREIGN_KEYS, KEYS, SECTIONS};

const HEAD: &str = "\
# Charla's settings. Every key stands here with its default; delete what you do not change.
#
# Variables go over this file, flags over variables:
#   CHARLA_SERVER_LISTEN=0.0.0.0:9001      (lists with commas: CHARLA_ORIGINS_ALLOW=https://a.example,https://b.example)
#   charla serve --set server.listen=0.0.0.0:9001
# Durations are text (\"500ms\", \"25s\", \"10m\", \"8h\", \"7d\"); sizes are bytes or text (\"64KiB\", \"1MiB\").
# `charla config check` finds mistakes, `charla config show` says where each value came from.
";

const FOREIGN: &str = "
# Keys that tokens by others are signed with, one block a key. Each key is used with its one algorithm only:
# HS256, HS384, HS512 (with secret, secret_file or secret_env), RS256, ES256, EdDSA (with public_key or public_key_file, in PEM).
# A key with a kid serves tokens with that kid; with a tenant, that tenant's tokens alone.
#
# [[auth.keys]]
# kid = \"2026-01\"
# algorithm = \"HS256\"
# secret_env = \"DJANGO_SECRET_KEY\"
#
# [[auth.keys]]
# kid = \"acme-1\"
# algorithm = \"RS256\"
# public_key_file = \"keys/acme.pem\"
# tenant = \"acme\"
";

const BRIDGE: &str = "
# How the groups of Django Channels are called: {chat} or {user} stands in the name, and {tenant}, or `tenant` or `tenant_field` (a key
# of the event) says whose they are. And what the events in them are: docs/bridge.md lists the fields.
#
# [[bridge.groups]]
# group = \"{tenant}.chat_{chat}\"
#
# [[bridge.events]]
# type = \"chat_message\"
# as = \"message\"                 # or notification, chat_closed, event, edited, deleted
# text = \"texto\"
# author = \"autor\"
";

const RETENTION: &str = "
# For one tenant otherwise; what is not said here is as above.
#
# [[retention.tenants]]
# tenant = \"acme\"
# days = 365
";

const WEBHOOKS: &str = "
# Where a tenant's events go, signed as Standard Webhooks are: docs/webhooks.md says what they are and how they are verified.
# `charla` makes no secret for these: echo whsec_$(openssl rand -base64 32) > /etc/charla/acme-webhooks
#
# [[webhooks.endpoints]]
# tenant = \"acme\"
# url = \"http://127.0.0.1:8000/charla/events\"
# events = [\"message.created\", \"chat.closed\"]   # all, if not set
# secret_file = \"/etc/charla/acme-webhooks\"         # or secret_env
# old_secret_file = \"/etc/charla/acme-webhooks.old\" # while the receiver changes to the new one; or old_secret_env
";

const TENANTS: &str = "
# A tenant's own figures, under the same names; all that is not `per_address` or of the node as a whole: docs/limits.md.
#
# [limits.tenants.acme]
# connections_per_tenant = 500
# sends_per_second_per_tenant = 50
# bytes_per_day_per_tenant = \"1GiB\"
";

/// The text of the file.
#[must_use]
pub fn default_file() -> String {
    let mut settings = Settings::default();
    let mut text = String::from(HEAD);
    for &(section, doc) in SECTIONS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n# {doc}\n[{section}]");
        for key in KEYS.iter().filter(|key| key.section() == section) {
            let _ = writeln!(text, "# {}", key.doc);
            let value = key.slot.and_then(|slot| slot(&mut settings).print(key.rule));
            let _ = match value {
                Some(value) => writeln!(text, "{} = {value}", key.name()),
                None => writeln!(text, "# {} = {:?}", key.name(), key.example),
            };
        }
        if FOREIGN_KEYS
            .rsplit_once('.')
            .is_some_and(|(parent, _)| section == format!("{parent}.claims"))
        {
            text.push_str(FOREIGN);
        }
        if section == "limits" {
            text.push_str(TENANTS);
        }
        if section == "bridge" {
            text.push_str(BRIDGE);
        }
        if section == "retention" {
            text.push_str(RETENTION);
        }
        if section == "webhooks" {
            text.push_str(WEBHOOKS);
        }
    }
    text
}
