//! Redis cut a subscriber that read too slowly.

use charla_wire::Cause;

use crate::checks::redis_said::{logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisOutputBuffer, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::RedisOutputBuffer]) {
        let count = seen.count;
        let sentence = both!(
            "Redis cut {count} connections because they read more slowly than messages came.",
            "Redis cortó {count} conexiones porque leían más despacio de lo que llegaban los mensajes."
        );
        let finding = Finding::certain(sentence, logged(&seen.quotes));
        return Outcome::Fail(finding.explains(&[Cause::AppException, Cause::RedisRestarted]));
    }
    let before = evidence.logs.sign(Sign::RedisOutputBuffer);
    let cuts = evidence.redis.as_ref().and_then(|redis| redis.output_buffer_cuts).unwrap_or(0);
    if before.is_none() && cuts == 0 {
        return ruled_out(evidence);
    }
    let mut facts: Vec<Fact> = before.iter().flat_map(|seen| logged(&seen.quotes)).collect();
    if cuts > 0 {
        facts.push(Fact::said(both!("client_output_buffer_limit_disconnections {cuts} since Redis started", "client_output_buffer_limit_disconnections {cuts} desde que Redis arrancó")));
    }
    let sentence = both!("Redis has cut slow subscribers before; what was in their buffers is lost.", "Redis ya cortó antes a suscriptores lentos; lo que había en sus búferes se perdió.");
    Outcome::Warn(Finding::likely(sentence, facts))
}
