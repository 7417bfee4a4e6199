//! Redis accepts connections and never answers: the kernel accepts for a process that is stopped or busy.

use charla_wire::Cause;

use crate::checks::redis_said::{LEADS_TO, logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisFrozen, step: Step::Redis, judge };

/// A handshake that waits for Redis hangs as if the server did.
const HANGS: [Cause; 2] = [Cause::ServerFrozen, Cause::EventLoopBlocked];

fn judge(evidence: &Evidence) -> Outcome {
    let Some(redis) = &evidence.redis else {
        return match evidence.logs.fresh(&[Sign::RedisSilent]) {
            Some((_, seen)) => Outcome::Fail(
                Finding::certain(
                    both!("Redis accepts the connection and does not answer PING.", "Redis acepta la conexión y no responde a PING."),
                    logged(&seen.quotes),
                )
                .explains(&LEADS_TO)
                .explains(&HANGS),
            ),
            None => ruled_out(evidence),
        };
    };
    let url = &redis.url;
    let local = ["127.", "localhost", "[::1]", "unix:"].iter().any(|here| url.contains(here));
    let finding = match (&redis.answer, &redis.no_answer_to) {
        (RedisAnswer::Silent, _) => Finding::certain(
            both!("Redis at {url} accepts the connection and does not answer.", "Redis en {url} acepta la conexión y no responde."),
            vec![Fact::at(both!("connected, and no answer to the first command within the time", "conectado, y sin respuesta a la primera orden a tiempo"), url)],
        ),
        // Its own machine has no firewall in between: the queue of connections that nobody accepts is full.
        (RedisAnswer::NoConnection, _) if local => Finding::likely(
            both!("Redis at {url} does not even accept connections any more.", "Redis en {url} ya ni siquiera acepta conexiones."),
            vec![Fact::at(both!("no TCP connection within the time, on this same machine", "sin conexión TCP a tiempo, en esta misma máquina"), url)],
        ),
        (RedisAnswer::Pong, Some(command)) => Finding::likely(
            both!("Redis at {url} answered PING and then stopped answering.", "Redis en {url} respondió a PING y luego dejó de responder."),
            vec![Fact::at(both!("no answer to {command} within the time", "sin respuesta a {command} a tiempo"), url)],
        ),
        _ => return ruled_out(evidence),
    };
    Outcome::Fail(finding.explains(&LEADS_TO).explains(&HANGS))
}
