//! Redis could not save its snapshot and refuses writes until one succeeds.

use charla_wire::Cause;

use crate::checks::redis_said::State;
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::RedisCannotPersist, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    const STATE: State = State { words: &["MISCONF"], signs: &[Sign::RedisMisconf], writing: true };
    let sentence = both!(
        "Redis could not save its last snapshot to disk and refuses every write until one succeeds.",
        "Redis no pudo guardar su última copia en disco y rechaza toda escritura hasta que una salga bien."
    );
    STATE.judge(evidence, sentence, |finding, _| finding)
}
