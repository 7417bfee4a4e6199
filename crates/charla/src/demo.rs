//! `charla demo`: a server with three people and a chat, ready to be opened in two windows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use charla_server::settings::{self, Loaded, Place, Settings};
use charla_server::{Server, log};
use charla_wire::TenantId;
use owo_colors::OwoColorize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tempfile::TempDir;

use self::people::{CHAT, Guest, TENANT};
use crate::args::Demo;
use crate::consulting::{OwnDoctor, reachable};
use crate::exit::{Failure, Outcome};
use crate::screen::Screen;
use crate::serve::{Stop, not_started, raise_file_limit, runtime};
use crate::supervisor::Supervised;
use crate::words;

mod operator;
mod people;

/// How long a demo's access tokens last: a working day, so that a line copied in the morning works in the afternoon.
pub(crate) const TOKEN_HOURS: u64 = 8;
/// A limit that nobody reaches.
const UNREACHED: u32 = 100_000_000;
/// Nobody waits for a demo to end.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves until Ctrl-C.
pub(crate) fn run(wanted: &Demo, screen: &mut Screen) -> Outcome {
    let (folder, temporary) = folder(wanted)?;
    let settings = settings_of(wanted, folder.clone(), screen)?;
    log::init(&settings.log);
    raise_file_limit(&settings);
    let outcome = runtime()?.block_on(async {
        let stop = Stop::listen()?;
        let server = Server::start(settings)
            .await
            .map_err(|error| not_started(&error, screen))?;
        let node = server.node();
        node.call_in(Arc::new(OwnDoctor::new(
            server.local_addr(),
            &node.settings,
            None,
        )));
        let guests = people::invite(node).await?;
        let key = operator::make_key(node).await?;
        let place = Addresses::of(server.local_addr());
        if wanted.json {
            screen.line(place.json(&guests, &key))?;
        } else {
            place.banner(&guests, &key, screen)?;
            let folder = folder.display();
            screen.line(match temporary {
                Some(_) => words::demo_data_gone(screen.lang, folder),
                None => words::demo_data_kept(screen.lang, folder),
            })?;
            screen.line(words::demo_end(screen.lang))?;
        }
        stop.drain(server, &Supervised::default()).await
    });
    drop(temporary);
    outcome
}

fn folder(wanted: &Demo) -> Result<(PathBuf, Option<TempDir>), Failure> {
    if let Some(folder) = &wanted.data {
        return Ok((folder.clone(), None));
    }
    let folder = tempfile::Builder::new().prefix("charla-demo-").tempdir()?;
    Ok((folder.path().to_owned(), Some(folder)))
}

/// The demo's own settings under the variables and flags of whoever runs it.
fn settings_of(wanted: &Demo, folder: PathBuf, screen: &Screen) -> Result<Settings, Failure> {
    let loaded = settings::load(None, std::env::vars(), &wanted.set);
    let loaded = loaded.map_err(|problems| crate::config::told(&problems, screen))?;
    let mut settings = for_demo(&loaded);
    settings.server.listen = wanted.listen;
    settings.store.path = folder;
    // A demo never touches a database that others have.
    settings.store.url = None;
    if wanted.no_limits {
        lift_limits(&mut settings);
    }
    Ok(settings)
}

fn for_demo(loaded: &Loaded) -> Settings {
    let mut settings = loaded.settings.clone();
    settings.server.demo = true;
    let unset = |key: &str| loaded.place(key) == Place::Default;
    if unset("server.default_tenant") {
        settings.server.default_tenant = TenantId::parse(TENANT).ok();
    }
    if unset("server.drain") {
        settings.server.drain = DRAIN;
    }
    if unset("origins.allow_loopback") {
        settings.origins.allow_loopback = true;
    }
    if unset("plain.bare_text") {
        settings.plain.bare_text = true;
    }
    if unset("auth.access_ttl") {
        settings.auth.access_ttl = Duration::from_secs(TOKEN_HOURS * 3600);
    }
    if unset("console.enabled") {
        settings.console.enabled = true;
    }
    settings.console.open_on_loopback = true;
    if unset("log.filter") {
        settings.log.filter = "warn".into();
    }
    settings
}

fn lift_limits(settings: &mut Settings) {
    let limits = &mut settings.limits;
    limits.connections_per_user = UNREACHED as usize;
    limits.connections_per_address = UNREACHED as usize;
    limits.connects_per_second_per_address = 0;
    limits.connects_per_second_per_user = 0;
    limits.sends_per_second_per_user = 0;
    limits.sends_per_second = UNREACHED;
    limits.send_burst = UNREACHED;
    limits.requests_per_second = UNREACHED;
    limits.request_burst = UNREACHED;
    limits.logins_per_minute = UNREACHED;
    limits.refusals_per_minute = 0;
    limits.refusals_per_minute_per_address = 0;
}

/// How the demo is reached.
struct Addresses {
    authority: String,
    /// Other machines reach it too.
    open: bool,
}

impl Addresses {
    /// A server that listens on every address is reached from here by loopback.
    fn of(listen: SocketAddr) -> Self {
        Self {
            authority: reachable(listen).to_string(),
            open: !listen.ip().is_loopback(),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    fn ws_url(&self) -> String {
        format!("ws://{}/ws/chat/{CHAT}/", self.authority)
    }

    /// The page, which signs the demo's own people in by their name.
    fn page(&self, guest: &Guest) -> String {
        format!("{}/?user={}", self.url(), guest.id)
    }

    fn json(&self, guests: &[Guest], key: &SecretString) -> serde_json::Value {
        let users: Vec<_> = guests
            .iter()
            .map(|guest| {
                json!({
                    "id": guest.id,
                    "name": guest.name,
                    "password": guest.id,
                    "token": guest.tokens.access,
                    "refresh": guest.tokens.refresh,
                })
            })
            .collect();
        json!({
            "url": self.url(),
            "ws_url": self.ws_url(),
            "tenant": TENANT,
            "chat": CHAT,
            "operator_key": key.expose_secret(),
            "users": users,
        })
    }

    fn banner(&self, guests: &[Guest], key: &SecretString, screen: &mut Screen) -> std::io::Result<()> {
        let lang = screen.lang;
        screen.heading(words::demo_title(lang, env!("CARGO_PKG_VERSION")))?;
        if self.open {
            screen.line(words::demo_open(lang).yellow())?;
        }
        screen.line(format_args!("\n{}", words::demo_pages(lang)))?;
        for guest in guests {
            let note = if guest.agent {
                format!(" ({})", words::demo_agent(lang))
            } else {
                String::new()
            };
            screen.line(format_args!("  {}{note}", guest.id.bold()))?;
            screen.line(format_args!("  {}", self.page(guest)))?;
        }
        let Some(first) = guests.first() else {
            return Ok(());
        };
        let socket = format!("{}?token={}", self.ws_url(), first.tokens.access);
        screen.line(format_args!("\n{}", words::demo_wscat(lang)))?;
        screen.line(format_args!("  wscat -c \"{socket}\""))?;
        screen.line(format_args!("\n{}", words::demo_doctor(lang)))?;
        screen.line(format_args!("  {} doctor \"{socket}\"", program()))?;
        screen.line(format_args!("\n{}", words::demo_console(lang)))?;
        screen.line(format_args!("  {}/console", self.url()))?;
        screen.line(format_args!("  {}\n", key.expose_secret()))?;
        screen.line(words::demo_passwords(lang))
    }
}

/// How this program was called, so that a line to copy calls it again.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "charla".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_by_loopback() {
        for (listen, authority, open) in [
            ("127.0.0.1:9001", "127.0.0.1:9001", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:9001", "[::1]:9001", true),
            ("192.0.2.1:9001", "192.0.2.1:9001", true),
        ] {
            let place = Addresses::of(listen.parse().unwrap());
            assert_eq!(
                (place.authority.as_str(), place.open),
                (authority, open),
                "{listen}"
            );
        }
    }

    #[test]
    fn flags_go_over_the_demos_own_settings() {
        let flags = [("plain.bare_text".to_owned(), "false".to_owned())];
        let settings = for_demo(&settings::load(None, std::iter::empty(), &flags).unwrap());
        assert!(!settings.plain.bare_text && settings.origins.allow_loopback);
        assert_eq!(settings.auth.access_ttl, Duration::from_secs(8 * 3600));
    }
}
