//! The application looks for Redis where none is: a name that leads nowhere, another service's port, a database that does
//! not exist, or a Redis that runs elsewhere on the machine.

use charla_wire::Cause;

use crate::checks::redis_said::{LEADS_TO, answered, logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer, RedisSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisWrongAddress, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let said = evidence.logs.fresh(&[Sign::RedisNoName]);
    let mut facts: Vec<Fact> = said.iter().flat_map(|(_, seen)| logged(&seen.quotes)).collect();
    let Some(redis) = &evidence.redis else {
        if facts.is_empty() {
            return ruled_out(evidence);
        }
        let sentence = both!("The name of the application's Redis leads nowhere.", "El nombre del Redis de la aplicación no lleva a ninguna parte.");
        return Outcome::Fail(Finding::certain(sentence, facts).explains(&LEADS_TO));
    };
    let url = &redis.url;
    let (words, sentence): (&str, Text) = match &redis.answer {
        RedisAnswer::NoName(words) => (words, both!("The name in {url} leads nowhere.", "El nombre de {url} no lleva a ninguna parte.")),
        RedisAnswer::BadAddress(words) => (
            words,
            both!("The application's Redis address cannot be read: {words}.", "La dirección de Redis de la aplicación no se puede leer: {words}."),
        ),
        RedisAnswer::NotRedis(words) => (words, both!("What listens at {url} is no Redis.", "Lo que escucha en {url} no es un Redis.")),
        RedisAnswer::Tls(words) => (
            words,
            both!("At {url} no TLS connection comes about, although the address asks for one (rediss).", "En {url} no se logra una conexión TLS, aunque la dirección la pide (rediss)."),
        ),
        RedisAnswer::Error(words) if words.contains("DB index") => (words, both!("This Redis has no such database: {url}.", "Este Redis no tiene esa base de datos: {url}.")),
        RedisAnswer::Unreachable(words) if elsewhere(redis) => {
            let there = redis.elsewhere.join(", ");
            facts.push(Fact::at(both!("a Redis listens at {there}", "un Redis escucha en {there}"), there.clone()));
            facts.insert(0, answer(redis, words));
            let sentence = both!("Nobody listens at {url}, where the application looks for Redis; one runs at {there}.", "Nadie escucha en {url}, donde la aplicación busca Redis; hay uno en {there}.");
            let finding = Finding::likely(sentence, facts).explains(&LEADS_TO).explains(&[Cause::RedisDown]);
            return Outcome::Fail(match redis.elsewhere.as_slice() {
                [only] => finding.fix(format!("# settings: the address of the Redis that runs\nREDIS_URL=redis://{only}/0")),
                _ => finding,
            });
        }
        RedisAnswer::Pong
        | RedisAnswer::Unreachable(_)
        | RedisAnswer::NoConnection
        | RedisAnswer::Silent
        | RedisAnswer::Error(_)
        | RedisAnswer::HungUp => {
            return if facts.is_empty() {
                ruled_out(evidence)
            } else {
                let sentence = both!("The application could not resolve the name of its Redis.", "La aplicación no pudo resolver el nombre de su Redis.");
                Outcome::Fail(Finding::certain(sentence, facts).explains(&LEADS_TO))
            };
        }
    };
    facts.insert(0, answer(redis, words));
    // Certificates fail for more reasons than a wrong address.
    let finding = if matches!(redis.answer, RedisAnswer::Tls(_)) { Finding::likely(sentence, facts) } else { Finding::certain(sentence, facts) };
    Outcome::Fail(finding.explains(&LEADS_TO))
}

fn answer(redis: &RedisSeen, words: &str) -> Fact {
    if matches!(redis.answer, RedisAnswer::Error(_)) {
        return answered(redis, words);
    }
    Fact {
        what: both!("connecting with the application's own address", "al conectar con la dirección de la propia aplicación"),
        quote: Some(words.to_owned()),
        at: Some(redis.url.clone()),
    }
}

/// Whether the Redis that the application means is more likely another one than one that is down: it looks at an unusual
/// port, and exactly one runs, or one at the usual port.
pub(super) fn elsewhere(redis: &RedisSeen) -> bool {
    let usual = |address: &String| address.ends_with(":6379");
    let asks_usual = redis.url.contains(":6379/");
    !asks_usual && (redis.elsewhere.len() == 1 || redis.elsewhere.iter().any(usual))
}
