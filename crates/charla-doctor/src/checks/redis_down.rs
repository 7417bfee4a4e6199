//! Nobody listens where the application expects Redis.

use charla_wire::Cause;

use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisDown, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let said = evidence.logs.fresh(&[Sign::RedisRefused]);
    let Some(redis) = &evidence.redis else {
        return match said {
            Some((_, seen)) => Outcome::Fail(Finding::certain(
                both!("The application could not connect to Redis: nobody listens there.",
                    "La aplicación no pudo conectar con Redis: allí no escucha nadie."),
                seen.quotes.iter().map(|quote| Fact::quoted(both!("the application's log", "el registro de la aplicación"), quote)).collect(),
            ).explains(&EXPLAINS)),
            None => Outcome::Skip(both!("no Redis address was given or found", "no se dio ni se encontró ninguna dirección de Redis")),
        };
    };
    match &redis.answer {
        RedisAnswer::Unreachable(words) if redis.elsewhere.is_empty() => {
            let mut facts = vec![Fact {
                what: both!("connecting with the application's own address", "al conectar con la dirección de la propia aplicación"),
                quote: Some(words.clone()),
                at: Some(redis.url.clone()),
            }];
            facts.extend(said.iter().flat_map(|(_, seen)| seen.quotes.last()).map(|quote| Fact::quoted(both!("the application's log", "el registro de la aplicación"), quote)));
            let url = &redis.url;
            Outcome::Fail(Finding::certain(
                both!("Redis does not run where the application expects it: {url}.", "Redis no está en marcha donde la aplicación lo espera: {url}."),
                facts,
            ).explains(&EXPLAINS))
        }
        RedisAnswer::Pong => Outcome::Pass(Text::same("PONG")),
        RedisAnswer::NoName(_)
        | RedisAnswer::Unreachable(_)
        | RedisAnswer::NoConnection
        | RedisAnswer::Silent
        | RedisAnswer::Error(_)
        | RedisAnswer::HungUp
        | RedisAnswer::NotRedis(_)
        | RedisAnswer::Tls(_)
        | RedisAnswer::BadAddress(_) => Outcome::Pass(both!("something answers there", "allí algo responde")),
    }
}

/// What an unreachable Redis leads to.
const EXPLAINS: [Cause; 2] = [Cause::AppException, Cause::RedisRestarted];
