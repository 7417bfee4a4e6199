//! A real server on a port of its own, with people and chats in it: [`Serving`].
//!
//! Tenant `demo` has ana and luis, members of chat `5`, sofia of support, and eva, a member of nothing. Tenant `acme` has a
//! chat `5` of its own, with a luis of its own. Clients come in two kinds: [`Client`] stands on another WebSocket
//! implementation than the server, which keeps both honest; [`Raw`] writes bytes that no such client would.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use charla_core::{RoomKey, UserKey};
use charla_server::clock::{self, Clock};
use charla_server::node::Node;
use charla_server::settings::Settings;
use charla_server::store::{Role, UserChange};
use charla_server::{Server, StartError};
use charla_wire::{ChatId, TenantId, UserId};

mod client;
pub(crate) mod process;
pub(crate) mod profile;
mod raw;

pub(crate) use client::Client;
pub(crate) use raw::{Raw, Reply, frame, http, text, upgrade_lines};

/// How long an event may take before the test fails. Generous: a loaded machine is slow, sentinels look at a server that came back
/// every ten seconds only, and a passing test does not wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits something that must happen.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Asks again and again until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    soon(what, async {
        while !is_so().await {
            // sleeps because what is asked has no event to wait for
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// A running server.
pub(crate) struct Serving {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    server: Server,
    /// Its store; gone when this is dropped.
    pub(crate) folder: tempfile::TempDir,
}

impl Serving {
    /// With the settings as they are by default, but for the port.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With settings adjusted.
    pub(crate) async fn start_with(adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::start_at(tempfile::tempdir().unwrap(), clock::system(), adjust).await
    }

    /// On a folder that may have a store already, and by another clock.
    pub(crate) async fn start_at(
        folder: tempfile::TempDir,
        clock: Clock,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = settings(folder.path());
        adjust(&mut settings);
        let server = start(settings, clock).await.unwrap();
        Self {
            address: server.local_addr(),
            server,
            folder,
        }
    }

    /// What the server's connections share: store, accounts, and what can be done without a client.
    pub(crate) const fn node(&self) -> &Arc<Node> {
        self.server.node()
    }

    /// A token of somebody in `demo`, good for an hour.
    pub(crate) async fn token(&self, user: &str) -> String {
        self.token_of("demo", user, Duration::from_secs(3600)).await
    }

    /// A token of somebody, good for `ttl` in whole seconds.
    pub(crate) async fn token_of(&self, tenant: &str, user: &str, ttl: Duration) -> String {
        let user = self
            .node()
            .store
            .user(&user_key(tenant, user))
            .await
            .unwrap()
            .unwrap();
        let auth = &self.node().auth;
        auth.accounts.issue_access(&user, ttl, auth.now()).unwrap()
    }

    /// Gives an account of `demo` its name as password. Left out of the start: hashing takes a while.
    pub(crate) async fn give_password(&self, user: &str) {
        let hash = self
            .node()
            .auth
            .accounts
            .hash_password(user.into())
            .await
            .unwrap();
        let change = UserChange {
            password: Some(hash),
            ..UserChange::default()
        };
        self.node()
            .store
            .put_user(&user_key("demo", user), change)
            .await
            .unwrap();
    }

    /// A client of `charla.v1`: somebody of `demo` at a path such as `/ws/chat/5/` or `/ws/?attempt=1`.
    pub(crate) async fn connect(&self, user: &str, path: &str) -> Client {
        let token = self.token(user).await;
        Client::open(
            self.address,
            &with_parameter(path, "token", &token),
            &["charla.v1"],
        )
        .await
    }

    /// A client that offers no sub-protocol: the plain dialect.
    pub(crate) async fn connect_plain(&self, user: &str, path: &str) -> Client {
        let token = self.token(user).await;
        Client::open(self.address, &with_parameter(path, "token", &token), &[]).await
    }

    /// One HTTP request over a connection of its own. Header lines as `"name: value"`.
    pub(crate) async fn http(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        http(self.address, method, path, headers, body).await
    }

    /// Comes back when an operator wants it to drain.
    pub(crate) async fn drain_asked(&self) {
        self.server.drain_asked().await;
    }

    /// Ends the server as SIGTERM would; the folder stays.
    pub(crate) async fn drain(self) -> tempfile::TempDir {
        self.server.drain().await;
        self.folder
    }
}

/// The defaults, on a port of the system's choice and a folder of the test's.
pub(crate) fn settings(folder: &Path) -> Settings {
    let mut settings = Settings::default();
    settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    folder.clone_into(&mut settings.store.path);
    settings
}

/// A server with everybody in it.
pub(crate) async fn start(settings: Settings, clock: Clock) -> Result<Server, StartError> {
    let server = Server::start_by(settings, clock).await?;
    populate(server.node()).await;
    Ok(server)
}

async fn populate(node: &Node) {
    let people = [
        ("demo", "ana", "Ana", Role::Member),
        ("demo", "luis", "Luis", Role::Member),
        ("demo", "sofia", "Sofía", Role::Agent),
        ("demo", "eva", "Eva", Role::Member),
        ("acme", "luis", "Luis of Acme", Role::Member),
    ];
    for tenant in ["demo", "acme"] {
        node.store.put_tenant(&tenant_id(tenant), tenant).await.unwrap();
        node.store
            .put_chat(&room(tenant, "5"), Some("Cinco"))
            .await
            .unwrap();
    }
    for (tenant, id, name, role) in people {
        let change = UserChange {
            name: Some(name.into()),
            role: Some(role),
            ..UserChange::default()
        };
        node.store.put_user(&user_key(tenant, id), change).await.unwrap();
    }
    for (tenant, member) in [("demo", "ana"), ("demo", "luis"), ("acme", "luis")] {
        let member = user_key(tenant, member).user;
        node.store.put_member(&room(tenant, "5"), &member).await.unwrap();
    }
}

/// A path with one more parameter.
pub(crate) fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let join = if path.contains('?') { '&' } else { '?' };
    format!("{path}{join}{name}={value}")
}

/// A tenant's id.
pub(crate) fn tenant_id(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

/// A chat's key.
pub(crate) fn room(tenant: &str, chat: &str) -> RoomKey {
    RoomKey {
        tenant: tenant_id(tenant),
        chat: ChatId::parse(chat).unwrap(),
    }
}

/// A user's key.
pub(crate) fn user_key(tenant: &str, user: &str) -> UserKey {
    UserKey {
        tenant: tenant_id(tenant),
        user: UserId::parse(user).unwrap(),
    }
}
