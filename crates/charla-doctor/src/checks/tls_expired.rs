//! The certificate's time is over, or has not begun.

use charla_wire::Cause;

use super::handshakes::{lines, no_handshake, plain};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TlsExpired, step: Step::Names, judge };

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// Renewal comes thirty days before the end of a certificate of ninety; so late it has failed.
const ALARMING: f64 = 3.0 * DAY;
/// Certificates that live shorter than this are renewed in their last days by design.
const LONG_LIVED: f64 = 30.0 * DAY;

fn judge(evidence: &Evidence) -> Outcome {
    let Some(tls) = evidence.tls.as_ref().filter(|tls| tls.chain_length > 0 && tls.not_after > 0.0) else {
        return plain(evidence).map_or_else(|| of_logs(evidence), Outcome::Pass);
    };
    let now = evidence.taken_at;
    if now <= 0.0 {
        return Outcome::Skip(both!("the time of the look is not known", "no se sabe cuándo se miró"));
    }
    let clock = evidence.host.as_ref().is_some_and(|host| {
        host.clock_synchronised == Some(false) || host.clock_offset_s.is_some_and(|offset| offset.abs() > HOUR)
    });
    let certainty = if clock { Certainty::Likely } else { Certainty::Certain };
    let (asked, from, to) = (&tls.asked, date(tls.not_before), date(tls.not_after));
    let facts = vec![Fact::said(both!("valid from {from} to {to}", "válido del {from} al {to}"))];
    let left = (tls.not_after - now) / DAY;
    if left < 0.0 {
        let days = span(-left);
        return Outcome::Fail(
            Finding::new(
                certainty,
                both!("The certificate of {asked} expired {days} days ago.", "El certificado de {asked} caducó hace {days} días."),
                facts,
            )
            .fix("certbot renew && systemctl reload nginx\n# will it renew by itself next time?\nsystemctl list-timers certbot.timer && certbot renew --dry-run"),
        );
    }
    if tls.not_before > now {
        return Outcome::Fail(Finding::new(
            certainty,
            both!(
                "The certificate of {asked} only begins on {from}, by this machine's clock.",
                "El certificado de {asked} no empieza hasta el {from}, según el reloj de esta máquina."
            ),
            facts,
        ).fix("# is this machine's clock right?\ntimedatectl"));
    }
    let days = span(left);
    if tls.not_after - now < ALARMING && tls.not_after - tls.not_before > LONG_LIVED {
        return Outcome::Warn(Finding::certain(
            both!(
                "The certificate of {asked} expires in {days} days and has not been renewed.",
                "El certificado de {asked} caduca en {days} días y no se ha renovado."
            ),
            facts,
        ));
    }
    Outcome::Pass(both!("valid for {days} more days", "válido durante {days} días más"))
}

fn of_logs(evidence: &Evidence) -> Outcome {
    match evidence.logs.fresh(&[Sign::BrowserCertDate]) {
        Some((_, seen)) => Outcome::Fail(Finding::certain(
            both!("The client found the certificate out of its time.", "El cliente encontró el certificado fuera de plazo."),
            lines(seen),
        )),
        None => Outcome::Skip(no_handshake()),
    }
}

fn span(days: f64) -> String {
    format!("{days:.1}")
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds are what is shown")]
fn date(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}
