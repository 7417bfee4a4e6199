//! `charla doctor`: finds the cause behind a failing WebSocket and tells it.

use charla_doctor::plan::Wanted;
use charla_doctor::{probe, verdict};

use crate::args::Doctor;
use crate::exit::{Exit, Outcome};
use crate::screen::Screen;

/// Looks and tells.
pub(crate) fn run(wanted: &Doctor, screen: &mut Screen) -> Outcome {
    let wanted = Wanted {
        url: Some(wanted.url.clone()),
        token: wanted.token.clone(),
        ..Wanted::default()
    };
    let evidence = crate::exit::runtime()?.block_on(probe::look(&wanted));
    let verdict = verdict::judge(&evidence);
    let cause = verdict.cause.as_ref().map(|(cause, _)| cause.id());
    screen.line(serde_json::json!({"schema": 1, "cause": cause, "healthy": verdict.healthy}))?;
    Ok(if cause.is_some() { Exit::Failed } else { Exit::Done })
}
