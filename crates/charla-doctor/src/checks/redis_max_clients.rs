//! Redis has no place left for another client.

use charla_wire::Cause;

use crate::checks::redis_said::State;
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisMaxClients, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    const STATE: State = State { words: &["max number of clients"], signs: &[Sign::RedisMaxClients], writing: false };
    let full = both!("Redis has reached maxclients and turns new connections away.", "Redis ha llegado a maxclients y rechaza conexiones nuevas.");
    let outcome = STATE.judge(evidence, full, |finding, _| finding);
    if !matches!(outcome, Outcome::Pass(_)) {
        return outcome;
    }
    let numbers = evidence.redis.as_ref().and_then(|redis| Some((redis.clients?, redis.max_clients?, &redis.url)));
    match numbers {
        // Nine tenths: one more worker, or one burst, and there is no place left.
        Some((clients, most, url)) if clients.saturating_mul(10) >= most.saturating_mul(9) => Outcome::Warn(Finding::likely(
            both!("Redis has {clients} of {most} clients: soon it turns new ones away.", "Redis tiene {clients} de {most} clientes: pronto rechazará a los nuevos."),
            vec![Fact::at(both!("connected_clients {clients}, maxclients {most}", "connected_clients {clients}, maxclients {most}"), url.clone())],
        )),
        Some((clients, most, _)) => Outcome::Pass(both!("{clients} of {most} clients", "{clients} de {most} clientes")),
        None => outcome,
    }
}
