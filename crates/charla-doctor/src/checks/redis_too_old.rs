//! Redis has no `BZPOPMIN`: older than 5.0, or it was renamed away.

use charla_wire::Cause;

use crate::checks::redis_said::{LEADS_TO, Layer, layer, logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisTooOld, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let mut facts = Vec::new();
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::RedisNoBzpopmin]) {
        facts.extend(logged(&seen.quotes));
    }
    let waits = matches!(layer(evidence), Layer::Core | Layer::Unknown);
    let redis = evidence.redis.as_ref();
    let version = redis.and_then(|redis| redis.version.clone()).unwrap_or_else(|| "?".into());
    if let Some(redis) = redis.filter(|redis| waits && redis.has_bzpopmin == Some(false)) {
        facts.push(Fact::at(both!("COMMAND INFO BZPOPMIN: not known to Redis {version}", "COMMAND INFO BZPOPMIN: Redis {version} no la conoce"), redis.url.clone()));
    }
    if facts.is_empty() {
        return match redis.and_then(|redis| redis.has_bzpopmin) {
            Some(true) => Outcome::Pass(both!("Redis {version} knows BZPOPMIN", "Redis {version} conoce BZPOPMIN")),
            Some(false) => Outcome::Pass(both!("this channel layer does not need BZPOPMIN", "esta capa de canales no necesita BZPOPMIN")),
            None => ruled_out(evidence),
        };
    }
    let sentence = both!(
        "Redis {version} does not know BZPOPMIN, with which channels_redis waits for messages: every socket dies right after it opened.",
        "Redis {version} no conoce BZPOPMIN, con la que channels_redis espera los mensajes: cada socket muere nada más abrirse."
    );
    let mut finding = Finding::certain(sentence, facts).explains(&LEADS_TO);
    let renamed = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 5);
    if renamed {
        finding = finding.fix("# this Redis is new enough: the command was renamed away\ngrep -rn 'rename-command' /etc/redis/    # remove the line with BZPOPMIN\nsystemctl restart redis-server");
    }
    Outcome::Fail(finding)
}
