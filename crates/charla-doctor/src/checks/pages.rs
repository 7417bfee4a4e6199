//! What a browser or a page does to its own WebSocket, before any packet leaves: told by the console's own words.

use charla_wire::Cause;

use crate::checks::access::named;
use crate::checks::handshakes::lines;
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, SourceKind};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

macro_rules! family {
    ($($module:ident $cause:ident $sign:expr;)*) => {
        $(
            pub(super) mod $module {
                use super::{Cause, Check, Sign, Step};

                pub(in crate::checks) const CHECK: Check = Check {
                    cause: Cause::$cause,
                    step: Step::Page,
                    judge: |evidence| {
                        let sign: Option<Sign> = $sign;
                        super::judge(evidence, Cause::$cause, sign)
                    },
                };
            }
        )*
    };
}

family! {
    mixed_content MixedContent Some(Sign::MixedContent);
    csp_blocked CspBlocked Some(Sign::ContentPolicy);
    blocked_by_client BlockedByClient Some(Sign::BlockedByClient);
    local_network_blocked LocalNetworkBlocked Some(Sign::LocalNetwork);
    too_many_sockets TooManySockets Some(Sign::TooManySockets);
    offline Offline Some(Sign::BrowserOffline);
    page_frozen PageFrozen None;
    reload_loop ReloadLoop None;
}

/// `sign`: the console's words for it; causes without any are named by Charla's client alone.
fn judge(evidence: &Evidence, cause: Cause, sign: Option<Sign>) -> Outcome {
    let logs = &evidence.logs;
    if let Some((_, seen)) = sign.and_then(|sign| logs.fresh(&[sign])) {
        return Outcome::Fail(Finding::certain(sentence(cause), lines(seen)));
    }
    if let Some(finding) = named(evidence, cause) {
        return Outcome::Fail(finding);
    }
    if cause == Cause::MixedContent
        && let Some(finding) = mixed(evidence)
    {
        return Outcome::Fail(finding);
    }
    let consoles = [SourceKind::Console, SourceKind::Har, SourceKind::NetExport, SourceKind::CharlaReport];
    if consoles.iter().any(|kind| logs.has(*kind)) {
        return Outcome::Pass(both!("the browser's console says nothing of it", "la consola del navegador no dice nada de eso"));
    }
    Outcome::Skip(both!(
        "only the browser's console tells it: paste it into charla explain",
        "solo lo dice la consola del navegador: pégala en charla explain"
    ))
}

/// A page of https and an address of ws, as they were asked about.
fn mixed(evidence: &Evidence) -> Option<Finding> {
    let target = evidence.target.as_ref()?;
    let exempt = matches!(target.host.as_str(), "localhost" | "127.0.0.1" | "::1") || target.host.ends_with(".localhost");
    if target.secure || exempt || !target.origin.starts_with("https://") {
        return None;
    }
    let (origin, url) = (&target.origin, &target.url);
    let secure = url.replacen("ws://", "wss://", 1);
    Some(
        Finding::certain(
            both!(
                "The page is {origin} and the address is {url}: no browser opens ws:// from a page of https://.",
                "La página es {origin} y la dirección es {url}: ningún navegador abre ws:// desde una página https://."
            ),
            vec![Fact::at(both!("the address without TLS", "la dirección sin TLS"), url.clone())],
        )
        .fix(format!("// the page's own scheme decides\nconst url = '{secure}';")),
    )
}

fn sentence(cause: Cause) -> Text {
    // The rest of the causes never comes here with a sign.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the family above is the closed list")]
    match cause {
        Cause::MixedContent => both!(
            "The page came over https and wants a ws:// address: the browser blocks it, and no request ever leaves.",
            "La página vino por https y pide una dirección ws://: el navegador la bloquea y no sale ninguna petición."
        ),
        Cause::CspBlocked => both!(
            "The page's own Content-Security-Policy does not allow this WebSocket: the browser blocks it, and no request ever leaves.",
            "La Content-Security-Policy de la propia página no permite este WebSocket: el navegador lo bloquea y no sale ninguna petición."
        ),
        Cause::BlockedByClient => both!(
            "An extension of the browser blocks this WebSocket; no request ever leaves.",
            "Una extensión del navegador bloquea este WebSocket; no sale ninguna petición."
        ),
        Cause::LocalNetworkBlocked => both!(
            "The browser does not let a public page open a WebSocket into a private network without a permission.",
            "El navegador no deja que una página pública abra un WebSocket hacia una red privada sin permiso."
        ),
        Cause::TooManySockets => both!(
            "The browser has no sockets left for this page: some are opened and never closed.",
            "Al navegador no le quedan sockets para esta página: se abren y nunca se cierran."
        ),
        _ => both!(
            "The device had no network at that moment.",
            "El dispositivo no tenía red en ese momento."
        ),
    }
}
