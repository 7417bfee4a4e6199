//! `charla backup`, `charla restored` and `charla compact`: a store copied, put back, and written anew.

use charla_server::clock;
use charla_server::store::{self, backup};
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::{Backup, OnStore};
use crate::config;
use crate::exit::{Exit, Failure, Outcome, runtime};
use crate::screen::Screen;
use crate::words::{self, backup as say};

/// Copies the store while a server may use it.
pub(crate) fn run(wanted: &Backup, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let settings = config::resolve(&wanted.source, screen)?.settings.store;
    if settings.url.is_some() {
        return Err(Failure::usage(say::only_sqlite(lang)));
    }
    let copied = backup::backup(&settings, &wanted.file, &mut |_, _| {})?;
    if wanted.json {
        let backup::Copied {
            bytes,
            chats,
            messages,
        } = copied;
        screen.line(json!({"bytes": bytes, "chats": chats, "messages": messages}))?;
    } else {
        let file = wanted.file.display();
        screen.line(say::copied(
            lang,
            file,
            copied.messages,
            copied.chats,
            copied.bytes,
        ))?;
    }
    Ok(Exit::Done)
}

/// Says that the store was put back.
pub(crate) fn restored(wanted: &OnStore, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let settings = config::resolve(&wanted.source, screen)?.settings.store;
    let schema = runtime()?.block_on(store::schema(&settings))?;
    if settings.url.is_none() && schema.found == 0 {
        return Err(Failure::failed(words::no_store(lang, settings.path.display())));
    }
    let epoch = runtime()?.block_on(async {
        let (sink, _committed) = mpsc::channel(1);
        let store = store::open(&settings, clock::system(), sink).await?;
        let epoch = store.begin_epoch().await?;
        store.close().await?;
        Ok::<_, Failure>(epoch)
    })?;
    if wanted.json {
        screen.line(json!({"epoch": epoch}))?;
    } else {
        screen.line(say::begun_anew(lang))?;
    }
    Ok(Exit::Done)
}

/// Writes the file anew.
pub(crate) fn compact(wanted: &OnStore, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let settings = config::resolve(&wanted.source, screen)?.settings.store;
    if settings.url.is_some() {
        return Err(Failure::usage(say::only_sqlite(lang)));
    }
    let (before, after) = backup::compact(&settings)?;
    if wanted.json {
        screen.line(json!({"before": before, "after": after}))?;
    } else {
        screen.line(say::compacted(lang, before, after))?;
    }
    Ok(Exit::Done)
}
