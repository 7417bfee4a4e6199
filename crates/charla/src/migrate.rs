//! `charla migrate`: the store's tables, looked at or brought up to date without a server.

use charla_server::store::{self, Schema};
use serde_json::json;

use crate::args::Migrate;
use crate::config;
use crate::exit::{Exit, Outcome, runtime};
use crate::screen::Screen;
use crate::words;

/// Looks, or migrates; many may do so at once, and one does the work.
pub(crate) fn run(wanted: &Migrate, screen: &mut Screen) -> Outcome {
    let settings = config::resolve(&wanted.source, screen)?.settings.store;
    let Schema { found, newest } = runtime()?.block_on(async {
        if wanted.check {
            store::schema(&settings).await
        } else {
            store::migrate(&settings).await
        }
    })?;
    let behind = found < newest;
    if wanted.json {
        let now = if wanted.check { found } else { newest };
        screen.line(json!({"found": found, "now": now, "newest": newest}))?;
    } else {
        let lang = screen.lang;
        screen.line(match (behind, wanted.check) {
            (false, _) => words::schema_newest(lang, newest),
            (true, true) => words::schema_behind(lang, found, newest),
            (true, false) => words::schema_moved(lang, found, newest),
        })?;
    }
    Ok(if behind && wanted.check {
        Exit::Failed
    } else {
        Exit::Done
    })
}
