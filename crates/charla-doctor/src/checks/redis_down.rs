//! Nobody listens where the application expects Redis.

use charla_wire::Cause;

use crate::checks::redis_restarted::came_back;
use crate::checks::redis_said::{LEADS_TO, logged, ruled_out};
use crate::checks::redis_wrong_address::elsewhere;
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisDown, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let said = evidence.logs.fresh(&[Sign::RedisRefused, Sign::RedisCliRefused]);
    let Some(redis) = &evidence.redis else {
        return match said {
            // Refused for a moment, and back: that was a restart.
            Some(_) if came_back(&evidence.logs) => Outcome::Pass(both!("a handshake was accepted after Redis had last been refused", "se aceptó una conexión después del último rechazo de Redis")),
            Some((sign, seen)) => {
                let sentence = both!("The application could not connect to Redis: nobody listens there.", "La aplicación no pudo conectar con Redis: allí no escucha nadie.");
                let facts = logged(&seen.quotes);
                // redis-cli asks at the usual address, which may not be the application's.
                let finding = if sign == Sign::RedisCliRefused { Finding::likely(sentence, facts) } else { Finding::certain(sentence, facts) };
                Outcome::Fail(finding.explains(&LEADS_TO))
            }
            None => ruled_out(evidence),
        };
    };
    let RedisAnswer::Unreachable(words) = &redis.answer else {
        return match &redis.answer {
            RedisAnswer::Pong => Outcome::Pass(Text::same("PONG")),
            RedisAnswer::NoConnection => Outcome::Skip(both!("no connection within the time", "sin conexión a tiempo")),
            RedisAnswer::NoName(_) | RedisAnswer::BadAddress(_) => Outcome::Skip(both!("the address leads nowhere", "la dirección no lleva a ninguna parte")),
            RedisAnswer::Silent
            | RedisAnswer::Error(_)
            | RedisAnswer::HungUp
            | RedisAnswer::NotRedis(_)
            | RedisAnswer::Tls(_)
            | RedisAnswer::Unreachable(_) => Outcome::Pass(both!("something answers there", "allí algo responde")),
        };
    };
    let url = &redis.url;
    let mut facts = vec![Fact {
        what: both!("connecting with the application's own address", "al conectar con la dirección de la propia aplicación"),
        quote: Some(words.clone()),
        at: Some(url.clone()),
    }];
    facts.extend(said.iter().flat_map(|(_, seen)| logged(&seen.quotes)));
    if !redis.elsewhere.is_empty() {
        let there = redis.elsewhere.join(", ");
        facts.push(Fact::said(both!("another Redis listens at {there}", "otro Redis escucha en {there}")));
    }
    // An address that is only a default in the settings may not be the one that the process has.
    let assumed = evidence.django.as_ref().is_some_and(|django| !django.assumed.is_empty());
    let sure = said.is_some() || !(assumed || elsewhere(redis));
    let sentence = both!("Redis does not run where the application expects it: {url}.", "Redis no está en marcha donde la aplicación lo espera: {url}.");
    let finding = if sure { Finding::certain(sentence, facts) } else { Finding::possible(sentence, facts) };
    Outcome::Fail(finding.explains(&LEADS_TO))
}
