//! The application's Redis is a replica: it answers PING and takes no writes.

use charla_wire::Cause;

use crate::checks::redis_said::State;
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::RedisReadOnly, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    const STATE: State = State { words: &["READONLY", "write against a read only replica"], signs: &[Sign::RedisReadOnly], writing: true };
    let primary = evidence.redis.as_ref().and_then(|redis| redis.primary.clone());
    let sentence = match &primary {
        Some(primary) => both!("The application writes to a read-only replica; its primary is {primary}.", "La aplicación escribe en una réplica de solo lectura; su primario es {primary}."),
        None => both!("The application writes to a read-only replica.", "La aplicación escribe en una réplica de solo lectura."),
    };
    STATE.judge(evidence, sentence, |finding, redis| match (redis, primary) {
        (Some(redis), Some(primary)) => {
            let database = redis.url.rsplit_once('/').map_or("0", |(_, database)| database);
            let url = &redis.url;
            finding
                .fix(format!("# the application's address is {url}: point it at the primary\nREDIS_URL=redis://{primary}/{database}"))
                .fix(format!("# or, when this one is meant to be the primary (after a failover)\nredis-cli -u {url} replicaof no one"))
        }
        _ => finding,
    })
}
