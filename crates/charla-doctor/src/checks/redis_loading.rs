//! Redis has just started and reads its data: it serves nobody until it is done.

use charla_wire::Cause;

use crate::checks::redis_said::State;
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::RedisLoading, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    const STATE: State = State { words: &["LOADING"], signs: &[Sign::RedisLoading], writing: false };
    let eta = evidence.redis.as_ref().and_then(|redis| redis.loading_eta_s);
    let sentence = match eta {
        Some(seconds) => both!("Redis is still loading its data, by its own estimate for another {seconds} s.", "Redis todavía está cargando sus datos; según su propia estimación, {seconds} s más."),
        None => both!("Redis is still loading its data and serves nobody.", "Redis todavía está cargando sus datos y no atiende a nadie."),
    };
    STATE.judge(evidence, sentence, |finding, _| finding)
}
