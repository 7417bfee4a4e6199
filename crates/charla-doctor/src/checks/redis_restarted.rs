//! Redis went away and came back: with the core layer that closes every socket of every process at once.

use charla_wire::Cause;

use crate::checks::redis_said::{logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, LogsSeen, RedisAnswer};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisRestarted, step: Step::Redis, judge };

const LOST: [Sign; 2] = [Sign::RedisClosed, Sign::PubSubLost];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    if let Some((_, seen)) = logs.fresh(&LOST) {
        let back = came_back(logs);
        let facts = logged(&seen.quotes);
        let sentence = both!(
            "Redis ended the application's connections while sockets were open; with channels_redis each of them closes with 1006.",
            "Redis cortó las conexiones de la aplicación con sockets abiertos; con channels_redis cada uno se cierra con 1006."
        );
        let finding = if back { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
        return Outcome::Fail(finding.explains(&[Cause::AppException]));
    }
    let Some(redis) = evidence.redis.as_ref().filter(|redis| redis.answer == RedisAnswer::Pong) else {
        return ruled_out(evidence);
    };
    let age = evidence.server.as_ref().and_then(|server| server.process.as_ref()?.age_s);
    let (Some((_, seen)), Some(uptime)) = (logs.any(&LOST), redis.uptime_s) else {
        return match redis.uptime_s {
            Some(uptime) => Outcome::Pass(both!("Redis has been running for {uptime} s, and no log tells of a lost connection to it", "Redis lleva {uptime} s en marcha, y ningún registro habla de una conexión perdida con él")),
            None => ruled_out(evidence),
        };
    };
    // Older losses were another start's.
    let since = uptime.to_string().parse::<f64>().unwrap_or(f64::MAX);
    if age.is_none_or(|age| age < since) || uptime > 3_600 {
        return Outcome::Pass(both!("Redis has been running for {uptime} s, longer than the server", "Redis lleva {uptime} s en marcha, más que el servidor"));
    }
    let mut facts = vec![Fact::at(both!("uptime_in_seconds {uptime}, less than the server's", "uptime_in_seconds {uptime}, menos que el del servidor"), redis.url.clone())];
    facts.extend(logged(&seen.quotes));
    let sentence = both!("Redis was restarted {uptime} s ago, which closed every socket that was open.", "Redis se reinició hace {uptime} s, y eso cerró todos los sockets abiertos.");
    Outcome::Warn(Finding::likely(sentence, facts))
}

/// In a log, a handshake was accepted after Redis was last refused, or it was lost and `redis-cli ping` gets its PONG: it
/// is back.
pub(super) fn came_back(logs: &LogsSeen) -> bool {
    if logs.sign(Sign::RedisPong).is_some() && logs.any(&LOST).is_some() {
        return true;
    }
    let last = |sign| {
        let quote = logs.sign(sign)?.quotes.last()?;
        let (source, line) = quote.at.rsplit_once(':')?;
        Some((source, line.parse::<u64>().ok()?))
    };
    match (last(Sign::RedisRefused).or_else(|| last(Sign::RedisClosed)), last(Sign::UvicornAccepted)) {
        (Some((refused_in, refused)), Some((accepted_in, accepted))) => refused_in == accepted_in && accepted > refused,
        _ => false,
    }
}
