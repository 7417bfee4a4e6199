//! A 403 of the application whose reason nothing told: what is left when no other check knows it.

use charla_wire::Cause;

use super::handshakes::{fact, lines, no_handshake, pasted};
use super::origin_forbidden::REASONS;
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence, Hop, Shape};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RejectBeforeAccept, step: Step::Handshake, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let Some(answer) = evidence.answer() else {
        return of_logs(evidence);
    };
    let Answer::Http { status: 403, body, cause: None, .. } = answer else {
        return Outcome::Pass(both!("it is not answered by a bare 403", "la respuesta no es un 403 sin más"));
    };
    let Some(hop) = evidence.given() else {
        return Outcome::Skip(no_handshake());
    };
    if evidence.logs.fresh(&[Sign::NginxDenied]).is_some() || (body.contains("<center>nginx") && !server_refuses(evidence)) {
        return Outcome::Pass(both!("nginx refuses, not the application", "rechaza nginx, no la aplicación"));
    }
    if let Some((_, seen)) = evidence.logs.fresh(&REASONS) {
        let line = seen.quotes.last().map(|quote| quote.line.clone()).unwrap_or_default();
        return Outcome::Pass(both!("the application's log tells the reason: {line}", "el registro de la aplicación da el motivo: {line}"));
    }
    // uvicorn's 403 has no body, daphne's two words.
    let asgi = body.trim().is_empty() || body.trim() == "Access denied";
    let certainty = if server_refuses(evidence) && asgi { Certainty::Likely } else { Certainty::Possible };
    let mut facts: Vec<Fact> = evidence.hops.iter().filter_map(|hop| fact(hop, Shape::Browser)).collect();
    facts.extend([Shape::BadToken, Shape::NoToken, Shape::NoOrigin].into_iter().filter_map(|shape| fact(hop, shape)));
    let unit = evidence.server.as_ref().and_then(|server| server.unit.as_ref()).map(|unit| unit.name.clone());
    let unit = unit.unwrap_or_else(|| "chat".to_owned());
    Outcome::Fail(
        Finding::new(certainty, sentence(hop), facts)
            .fix("# consumer or middleware: accept first, then close with the code and a reason\nawait self.accept()\nawait self.close(code=4401, reason=\"token_expired\")")
            .fix(format!("# meanwhile the application's own log has the reason, if it writes one\njournalctl -u {unit} -o cat | grep -iE 'token|permiso|permission|4401|4403|4404' | tail")),
    )
}

fn server_refuses(evidence: &Evidence) -> bool {
    let inner = evidence.innermost().and_then(Hop::browser).and_then(Answer::status);
    inner == Some(403)
}

/// What the other tokens' answers narrow it down to.
fn sentence(hop: &Hop) -> Text {
    let status = |shape| hop.shaped(shape).and_then(Answer::status);
    match status(Shape::BadToken) {
        Some(403) => both!(
            "The application refuses the handshake with 403 before it accepts, as it does with a token that cannot be right: token, permission, chat and origin look the same from outside.",
            "La aplicación rechaza la conexión con 403 antes de aceptarla, igual que con un token que no puede ser bueno: token, permiso, chat y origen se ven iguales desde fuera."
        ),
        Some(other) => both!(
            "The application refuses the handshake with 403, and a token that cannot be right with {other}: the token is taken, so it is about the permission or the chat.",
            "La aplicación rechaza la conexión con 403, y un token que no puede ser bueno con {other}: el token vale, así que es cosa del permiso o del chat."
        ),
        None => both!(
            "The application refuses the handshake with 403 before it accepts, and nothing that was seen says why.",
            "La aplicación rechaza la conexión con 403 antes de aceptarla, y nada de lo que se vio dice por qué."
        ),
    }
}

fn of_logs(evidence: &Evidence) -> Outcome {
    let refused = pasted(evidence, &[403]);
    if refused == 0 || !evidence.hops.is_empty() {
        if evidence.logs.attempts.total > 0 {
            return Outcome::Pass(both!("no handshake was answered by 403", "ninguna conexión recibió un 403"));
        }
        return Outcome::Skip(no_handshake());
    }
    if let Some((_, seen)) = evidence.logs.any(&REASONS).or_else(|| evidence.logs.any(&[Sign::ChatMissing, Sign::NginxDenied])) {
        let line = seen.quotes.last().map(|quote| quote.line.clone()).unwrap_or_default();
        return Outcome::Pass(both!("the log tells the reason: {line}", "el registro da el motivo: {line}"));
    }
    let at = evidence.logs.attempts.counted_in.clone();
    let mut facts = vec![Fact::at(both!("handshakes answered by 403: {refused}", "conexiones con respuesta 403: {refused}"), at)];
    let rejected = evidence.logs.any(&[Sign::UvicornRejected, Sign::DaphneRejected, Sign::UnexpectedStatus]);
    facts.extend(rejected.into_iter().flat_map(|(_, seen)| lines(seen)));
    Outcome::Fail(
        Finding::possible(
            both!(
                "The application refuses handshakes with 403 before it accepts, and no line says why: a token, a permission, a chat that is not there or an origin.",
                "La aplicación rechaza conexiones con 403 antes de aceptarlas, y ninguna línea dice por qué: un token, un permiso, un chat que no existe o un origen."
            ),
            facts,
        )
        .fix("# the application's own log, or the doctor beside the server\ncharla doctor 'ws://127.0.0.1:9001/ws/chat/5/?token=...'"),
    )
}
