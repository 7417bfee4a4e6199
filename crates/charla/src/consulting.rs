//! The doctor that a server of this program has at hand: `POST /api/v1/doctor` and the page `/console/doctor`.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use charla_doctor::evidence::Evidence;
use charla_doctor::plan::Wanted;
use charla_doctor::probe;
use charla_doctor::report::{Report, json};
use charla_server::doctor::{Doctor, Question};
use charla_server::settings::{BusKind, Settings};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// When a run is given up. It takes less than 5 s by itself.
const RUN_WITHIN: Duration = Duration::from_secs(15);

/// Looks at the server in whose process it is, by the address where it listens.
pub(crate) struct OwnDoctor {
    origin: String,
    config: Option<PathBuf>,
    redis: Option<String>,
    database: Option<String>,
}

impl OwnDoctor {
    /// For a server that listens there, with the settings it was started with. Addresses whose passwords stand in a file of
    /// their own are left to the settings file: without the password they would accuse the wrong one.
    pub(crate) fn new(listen: SocketAddr, settings: &Settings, config: Option<PathBuf>) -> Self {
        let broker = &settings.broker;
        let redis = broker
            .url
            .as_ref()
            .filter(|url| *url.kind() == BusKind::Redis && url.password().is_none());
        let store = &settings.store;
        Self {
            origin: origin(listen, settings),
            config,
            redis: redis
                .filter(|_| broker.password_file.is_none())
                .map(|url| url.shown().to_owned()),
            database: store
                .url
                .as_ref()
                .filter(|_| store.password_file.is_none())
                .map(|url| url.text().expose_secret().to_owned()),
        }
    }

    fn wanted(&self, asked: &Question) -> Wanted {
        let chat = asked
            .chat
            .as_ref()
            .map_or_else(String::new, |chat| format!("chat/{chat}/"));
        let tenant = asked.tenant.as_ref();
        let tenant = tenant.map_or_else(String::new, |tenant| format!("?tenant={tenant}"));
        Wanted {
            url: Some(format!("{}/ws/{chat}{tenant}", self.origin)),
            token: asked.token.as_ref().map(|token| token.expose_secret().to_owned()),
            config: self.config.clone(),
            redis: self.redis.clone(),
            database: self.database.clone(),
            ..Wanted::default()
        }
    }
}

/// Where the server is asked. With a certificate, by the name that the certificate is for, if the settings say one.
fn origin(listen: SocketAddr, settings: &Settings) -> String {
    let server = &settings.server;
    let named = server
        .public_url
        .as_deref()
        .and_then(|url| url.strip_prefix("https://"));
    match (server.tls_files(), named) {
        (None, _) => format!("ws://{}", reachable(listen)),
        (Some(_), Some(name)) => format!("wss://{}", name.trim_end_matches('/')),
        (Some(_), None) => format!("wss://{}", reachable(listen)),
    }
}

impl Doctor for OwnDoctor {
    fn look(&self, asked: Question) -> Pin<Box<dyn Future<Output = Value> + Send>> {
        let wanted = self.wanted(&asked);
        Box::pin(async move {
            // On a thread and a runtime of its own: whoever chats is not slowed down by it.
            let looking = tokio::task::spawn_blocking(move || look(&wanted, &asked));
            looking.await.unwrap_or_else(|crash| {
                crash
                    .try_into_panic()
                    .map_or(Value::Null, |panic| std::panic::resume_unwind(panic))
            })
        })
    }
}

fn look(wanted: &Wanted, asked: &Question) -> Value {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let evidence = match runtime {
        Ok(runtime) => {
            let looked = runtime
                .block_on(async { tokio::time::timeout(RUN_WITHIN, probe::look(wanted, &|_| {})).await });
            // What hangs in a read of a file is left behind.
            runtime.shutdown_background();
            looked.unwrap_or_default()
        }
        Err(_) => Evidence::default(),
    };
    let report = Report::new(evidence, asked.lang, Some(began.elapsed().as_secs_f64()));
    json::json(&report, asked.verbose)
}

/// Where a server is reached from its own machine: one that listens on every address, by loopback.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use charla_wire::{ChatId, Lang, TenantId};

    use super::*;

    #[test]
    fn only_the_servers_own_address_is_looked_at() {
        let doctor = OwnDoctor::new("0.0.0.0:9001".parse().unwrap(), &Settings::default(), None);
        let mut asked = Question {
            chat: None,
            tenant: None,
            token: Some("a b".into()),
            lang: Lang::En,
            verbose: false,
        };
        let wanted = doctor.wanted(&asked);
        assert_eq!(wanted.url.as_deref(), Some("ws://127.0.0.1:9001/ws/"));
        assert_eq!(wanted.token.as_deref(), Some("a b"));
        asked.chat = ChatId::parse("5").ok();
        asked.tenant = TenantId::parse("acme").ok();
        assert_eq!(
            doctor.wanted(&asked).url.as_deref(),
            Some("ws://127.0.0.1:9001/ws/chat/5/?tenant=acme")
        );
    }
}
