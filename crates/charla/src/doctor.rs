//! `charla doctor`: asks the server's preflight at an address and tells the cause, the fix and the check.

use charla_client::Address;
use charla_doctor::{Verdict, judge, preflight};
use serde_json::json;

use crate::args::Doctor;
use crate::causes;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

/// Asks and tells.
pub(crate) fn run(wanted: &Doctor, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let address = Address::parse(&wanted.url)
        .map_err(|why| {
            Failure::usage(words::bad_address(
                lang,
                &wanted.url,
                words::trouble::address(lang, &why),
            ))
        })?
        .with_token(wanted.token.clone());
    let evidence = crate::exit::runtime()?.block_on(preflight(&address));
    let verdict = judge(&evidence);
    let exit = match (&verdict, verdict.cause()) {
        (_, Some(cause)) => Exit::of(cause),
        (Verdict::Open { .. }, None) => Exit::Done,
        (_, None) => Exit::Failed,
    };
    if wanted.json {
        let cause = verdict.cause().map(|cause| causes::as_json(cause, lang));
        let ok = exit == Exit::Done;
        screen.line(
            json!({"ok": ok, "address": address.to_string(), "cause": cause, "detail": detail(&verdict)}),
        )?;
        return Ok(exit);
    }
    match &verdict {
        Verdict::Open { user } => screen.line(words::doctor_fine(lang, &address, plain(user)))?,
        Verdict::Named { .. } => screen.line(words::doctor_named(lang, &address))?,
        Verdict::Path { .. } => screen.line(words::doctor_path(lang, &address))?,
        Verdict::Unknown {
            status: Some(status), ..
        } => {
            screen.line(words::doctor_not_charla(lang, &address, status))?;
        }
        Verdict::Unknown { status: None, .. } => screen.line(words::not_connected(lang, detail(&verdict)))?,
    }
    if let Some(cause) = verdict.cause() {
        let said = detail(&verdict);
        if !said.is_empty() {
            screen.line(format_args!("  {}", plain(said)))?;
        }
        screen.line("")?;
        causes::tell(cause, screen)?;
    }
    Ok(exit)
}

fn detail(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Open { .. } => "",
        Verdict::Named { detail, .. } | Verdict::Path { detail, .. } | Verdict::Unknown { detail, .. } => {
            detail
        }
    }
}
