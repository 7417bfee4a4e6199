//! Redis uses all of maxmemory and may throw nothing away: it refuses writes.

use charla_wire::Cause;

use crate::checks::redis_said::State;
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::RedisOutOfMemory, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    const STATE: State = State { words: &["OOM command not allowed", "used memory > 'maxmemory'"], signs: &[Sign::RedisOutOfMemory], writing: true };
    let numbers = evidence.redis.as_ref().and_then(|redis| Some((redis.memory?, redis.max_memory?, redis.eviction.clone().unwrap_or_default())));
    let sentence = match numbers {
        Some((used, most, policy)) => both!(
            "Redis uses {used} of {most} bytes (maxmemory, policy {policy}) and refuses every write.",
            "Redis usa {used} de {most} bytes (maxmemory, política {policy}) y rechaza toda escritura."
        ),
        None => both!("Redis has reached maxmemory and refuses every write.", "Redis ha llegado a maxmemory y rechaza toda escritura."),
    };
    STATE.judge(evidence, sentence, |finding, _| finding)
}
