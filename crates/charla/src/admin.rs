//! `charla tenant|user|chat|token|key`: an operator's hand in the store.
//!
//! SQLite lets one process in at a time, so nothing here can disturb a server that runs. PostgreSQL lets in many; a
//! server sees what was changed when it looks the next time.

use std::io;
use std::path::Path;
use std::sync::Arc;

use charla_server::auth::{Auth, Refusal};
use charla_server::clock::{self, Clock};
use charla_server::settings::Settings;
use charla_server::store::{self, Committed, Store, StoreError};
use charla_wire::{ChatId, IdError, TenantId, UserId};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::args::{Admin, Desk};
use crate::config;
use crate::exit::{Exit, Failure, Outcome, runtime};
use crate::screen::Screen;
use crate::words;

mod chat;
mod key;
mod record;
mod remote;
mod tenant;
mod token;
mod user;

/// Runs one command on the store.
pub(crate) fn run(wanted: Admin, screen: &mut Screen) -> Outcome {
    runtime()?.block_on(async {
        if let Some(url) = wanted.desk().server.clone() {
            return remote::run(&wanted, &url, screen).await;
        }
        match wanted {
            Admin::Tenant(wanted) => tenant::run(wanted, screen).await,
            Admin::User(wanted) => user::run(wanted, screen).await,
            Admin::Chat(wanted) => chat::run(wanted, screen).await,
            Admin::Token(wanted) => token::run(wanted, screen).await,
            Admin::Key(wanted) => key::run(wanted, screen).await,
        }
    })
}

/// The store, open.
struct Office<'s> {
    store: Arc<dyn Store>,
    settings: Settings,
    clock: Clock,
    tenant: Option<String>,
    json: bool,
    screen: &'s mut Screen,
    /// Nothing is said from here, so nothing arrives; it is held because the store ends without it.
    _committed: mpsc::Receiver<Vec<Committed>>,
}

impl<'s> Office<'s> {
    /// Opens the store. Only a command that adds makes one where there is none.
    async fn open(desk: &Desk, makes: bool, screen: &'s mut Screen) -> Result<Self, Failure> {
        let settings = config::resolve(&desk.source(), screen)?.settings;
        let folder = settings.store.path.display().to_string();
        let is_file = settings.store.url.is_none();
        if is_file && !makes && !has_store(&settings.store.path) {
            return Err(Failure::failed(words::no_store(screen.lang, folder)));
        }
        let clock = clock::system();
        let (sender, committed) = mpsc::channel(1);
        let opened = store::open(&settings.store, Arc::clone(&clock), sender).await;
        let store = opened.map_err(|error| {
            if is_file {
                Failure::failed(format!("{error}\n{}", words::store_in_use(screen.lang, folder)))
            } else {
                Failure::failed(error.to_string())
            }
        })?;
        Ok(Self {
            store,
            settings,
            clock,
            tenant: desk.tenant.clone(),
            json: desk.json,
            screen,
            _committed: committed,
        })
    }

    /// The tenant that is meant.
    async fn tenant(&self) -> Result<TenantId, Failure> {
        let lang = self.screen.lang;
        if let Some(named) = &self.tenant {
            let id = tenant_id(named, self.screen)?;
            return match self.store.tenant(&id).await? {
                Some(tenant) => Ok(tenant.id),
                None => Err(Failure::failed(words::no_tenant(lang, id))),
            };
        }
        if let Some(default) = &self.settings.server.default_tenant {
            return Ok(default.clone());
        }
        let mut tenants = self.store.tenants().await?;
        match (tenants.pop(), tenants.is_empty()) {
            (Some(only), true) => Ok(only.id),
            (None, _) => Err(Failure::failed(words::no_tenants(lang))),
            (Some(last), false) => {
                let mut ids: Vec<String> = tenants.iter().map(|tenant| tenant.id.to_string()).collect();
                ids.push(last.id.to_string());
                Err(Failure::usage(words::which_tenant(lang, ids.join(", "))))
            }
        }
    }

    /// Tokens and passwords.
    async fn auth(&self) -> Result<Arc<Auth>, Failure> {
        let auth = Auth::start(
            &self.settings.auth,
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
        );
        auth.await.map_err(|error| Failure::usage(error.to_string()))
    }

    /// Tells what was done, or prints the record for programs.
    fn done(&mut self, sentence: String, record: &Value) -> Outcome {
        if self.json {
            self.screen.line(record)?;
        } else {
            self.screen.line(sentence)?;
        }
        Ok(Exit::Done)
    }

    /// Prints records as a table, or as they are for programs.
    fn list(&mut self, records: &[Value], columns: &[&str]) -> io::Result<()> {
        record::list(records, columns, self.json, self.screen)
    }
}

fn has_store(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Say(Exit::of(refusal.cause), refusal.to_string())
    }
}

fn bad_id(kind: &'static str, text: &str, why: IdError, screen: &Screen) -> Failure {
    Failure::usage(words::bad_id(
        screen.lang,
        kind,
        text,
        words::trouble::id(screen.lang, why),
    ))
}

fn tenant_id(text: &str, screen: &Screen) -> Result<TenantId, Failure> {
    TenantId::parse(text).map_err(|why| bad_id("tenant", text, why, screen))
}

fn user_id(text: &str, screen: &Screen) -> Result<UserId, Failure> {
    UserId::parse(text).map_err(|why| bad_id("user", text, why, screen))
}

fn chat_id(text: &str, screen: &Screen) -> Result<ChatId, Failure> {
    ChatId::parse(text).map_err(|why| bad_id("chat", text, why, screen))
}
