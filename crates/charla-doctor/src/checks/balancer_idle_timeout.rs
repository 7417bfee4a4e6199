//! A hop in front cuts connections after a fixed time: the peak of their lives names it.

use charla_wire::Cause;

use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Lifetimes};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::BalancerIdleTimeout, step: Step::Proxy, judge };

/// Seconds after which hops cut by default, and which ones do.
const HOPS: [(u32, &str); 7] = [
    (30, "Google Cloud, HAProxy"),
    (55, "Heroku"),
    (60, "nginx, AWS ALB, ingress-nginx"),
    (100, "Cloudflare"),
    (240, "Azure, ingress-nginx"),
    (350, "AWS NLB"),
    (600, "CloudFront"),
];
/// Connections whose life must be known before their peak means anything.
const ENOUGH: u64 = 12;

fn judge(evidence: &Evidence) -> Outcome {
    let lifetimes = &evidence.logs.lifetimes;
    let known = lifetimes.known;
    if known < ENOUGH {
        return Outcome::Skip(both!(
            "fewer than {ENOUGH} lives of connections are known: an access log with $request_time tells them",
            "se conocen menos de {ENOUGH} vidas de conexiones: las dice un registro de accesos con $request_time"
        ));
    }
    let peak = HOPS.iter().map(|(second, who)| (*second, *who, around(lifetimes, *second))).max_by_key(|(_, _, count)| *count);
    let Some((second, who, count)) = peak.filter(|(_, _, count)| *count * 5 >= known * 2) else {
        return Outcome::Pass(both!(
            "the lives of {known} connections have no peak where hops cut",
            "las vidas de {known} conexiones no se agolpan donde cortan los intermediarios"
        ));
    };
    if second == 60 && evidence.logs.sign(Sign::NginxIdleCut).is_some() {
        return Outcome::Pass(both!("nginx itself says that it cut them", "el propio nginx dice que las cortó"));
    }
    // nginx has the same 60 s as the balancers.
    let certainty = if second == 60 { Certainty::Possible } else { Certainty::Likely };
    let fact = Fact::said(both!(
        "{count} of {known} connections lived {second} s",
        "{count} de {known} conexiones vivieron {second} s"
    ));
    Outcome::Fail(
        Finding::new(
            certainty,
            both!(
                "{count} of {known} connections ended after {second} s: a hop in front cuts what is idle that long ({who}).",
                "{count} de {known} conexiones terminaron a los {second} s: un intermediario corta lo que calla ese tiempo ({who})."
            ),
            vec![fact],
        )
        .fix(format!(
            "# a ping well below {second} s keeps it open\nuvicorn app.asgi:application --ws-ping-interval {} --ws-ping-timeout 20",
            (second / 3).min(25)
        )),
    )
}

/// Lives within a second of it; hops' clocks tick in whole ones.
fn around(lifetimes: &Lifetimes, second: u32) -> u64 {
    lifetimes.by_second.range(second.saturating_sub(1)..=second + 1).map(|(_, count)| count).sum()
}
