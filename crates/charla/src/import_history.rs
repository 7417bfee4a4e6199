//! `charla import-history`: the messages that the application had before, into the store.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use charla_server::application::{Application, Query};
use charla_server::clock;
use charla_server::past::{self, Import, Progress, Stopped};
use charla_server::settings::Settings;
use charla_server::store::{self, Store};
use charla_wire::{Lang, TenantId};
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::ImportHistory;
use crate::config;
use crate::exit::{Exit, Failure, Outcome, runtime};
use crate::screen::Screen;
use crate::words::{self, import_history as say};

/// Takes over what is asked for, tenant by tenant.
pub(crate) fn run(wanted: &ImportHistory, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let settings = config::resolve(&wanted.source, screen)?.settings;
    let application =
        Application::open(&settings.application).map_err(|error| Failure::usage(error.to_string()))?;
    let (Some(application), Some(text)) = (application, &settings.store.history.backfill) else {
        return Err(Failure::usage(say::no_query(lang)));
    };
    let query = past::parse(text, application.kind()).map_err(|error| Failure::usage(error.tell(lang)))?;
    runtime()?.block_on(async {
        let (sink, _committed) = mpsc::channel(1);
        let store = open(&settings, wanted.dry_run, sink, lang).await?;
        let tenants = tenants(wanted, &settings, store.as_deref(), &application, &query, lang).await?;
        let import = Import {
            application: &application,
            store: store.as_deref(),
            query: &query,
            limits: &settings.limits,
            now: clock::system()(),
            write: !wanted.dry_run,
        };
        let mut exit = Exit::Done;
        for tenant in &tenants {
            if let (Some(store), true) = (&store, import.write)
                && store.tenant(tenant).await?.is_none()
            {
                store.put_tenant(tenant, tenant.as_str()).await?;
            }
            let progress = one(&import, tenant, lang).await?;
            if progress.stopped_chats > 0 {
                exit = Exit::Failed;
            }
            if wanted.json {
                screen.line(printed(tenant, &progress, wanted.dry_run))?;
            } else {
                tell(tenant, &progress, wanted.dry_run, screen)?;
            }
        }
        if let Some(store) = store {
            store.close().await?;
        }
        Ok(exit)
    })
}

/// The store; none where there is none yet and nothing is to be written.
async fn open(
    settings: &Settings,
    dry_run: bool,
    sink: mpsc::Sender<Vec<store::Committed>>,
    lang: Lang,
) -> Result<Option<Arc<dyn Store>>, Failure> {
    let settings = &settings.store;
    if dry_run {
        let schema = store::schema(settings).await?;
        if schema.found == 0 {
            return Ok(None);
        }
        if schema.found < schema.newest {
            return Err(Failure::failed(say::behind(lang)));
        }
    }
    let opened = store::open(settings, clock::system(), sink).await;
    opened.map(Some).map_err(|error| {
        Failure::failed(match settings.url {
            Some(_) => error.to_string(),
            None => format!("{error}\n{}", words::store_in_use(lang, settings.path.display())),
        })
    })
}

/// Whose messages are taken over. The same rows are never given to two.
async fn tenants(
    wanted: &ImportHistory,
    settings: &Settings,
    store: Option<&dyn Store>,
    application: &Application,
    query: &Query,
    lang: Lang,
) -> Result<Vec<TenantId>, Failure> {
    let apart = query.uses("tenant") || application.has_schemas();
    let mut tenants = Vec::new();
    for id in &wanted.tenant {
        let tenant = TenantId::parse(id).map_err(|error| Failure::usage(say::bad_tenant(lang, id, error)))?;
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    if let (true, true, Some(store)) = (tenants.is_empty(), apart, store) {
        tenants.extend(store.tenants().await?.into_iter().map(|tenant| tenant.id));
    }
    if tenants.is_empty() {
        tenants.extend(settings.server.default_tenant.clone());
    }
    match tenants.len() {
        0 => Err(Failure::usage(say::no_tenant(lang))),
        2.. if !apart => Err(Failure::usage(say::not_apart(lang))),
        _ => Ok(tenants),
    }
}

async fn one(import: &Import<'_>, tenant: &TenantId, lang: Lang) -> Result<Progress, Failure> {
    let seen = io::stderr().is_terminal();
    let progress = import
        .tenant(tenant, |progress| {
            if seen {
                // Nobody is left to be told when standard error is gone.
                let _ = write!(
                    io::stderr(),
                    "\r\x1b[K{}",
                    say::reading(lang, tenant, progress.rows)
                );
            }
        })
        .await;
    if seen {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    progress.map_err(|error| Failure::failed(say::interrupted(lang, tenant, error)))
}

fn tell(tenant: &TenantId, progress: &Progress, dry_run: bool, screen: &mut Screen) -> io::Result<()> {
    let lang = screen.lang;
    let (new, known) = (progress.new, progress.known);
    let (chats, new_chats) = (progress.chats, progress.new_chats);
    screen.line(if dry_run {
        say::would(lang, tenant, new, chats, new_chats, known)
    } else {
        say::done(lang, tenant, new, chats, new_chats, known)
    })?;
    if progress.stopped_chats == 0 {
        return Ok(());
    }
    screen.line(say::stopped(
        lang,
        tenant,
        progress.stopped_chats,
        progress.left_out,
    ))?;
    for Stopped { chat, row, why, .. } in &progress.stopped {
        screen.line(say::stop(lang, chat, row, say::why(lang, why)))?;
    }
    let more = progress
        .stopped_chats
        .saturating_sub(progress.stopped.len() as u64);
    if more > 0 {
        screen.line(say::more(lang, more))?;
    }
    Ok(())
}

fn printed(tenant: &TenantId, progress: &Progress, dry_run: bool) -> serde_json::Value {
    let stopped = progress.stopped.iter().map(|stopped| {
        json!({
            "chat": stopped.chat,
            "row": stopped.row,
            "sent_at": stopped.sent_at,
            "why": stopped.why.to_string(),
        })
    });
    json!({
        "tenant": tenant,
        "dry_run": dry_run,
        "rows": progress.rows,
        "added": progress.new,
        "known": progress.known,
        "left_out": progress.left_out,
        "chats": progress.chats,
        "new_chats": progress.new_chats,
        "stopped_chats": progress.stopped_chats,
        "stopped": stopped.collect::<Vec<_>>(),
    })
}
