//! What checks of Redis and the channel layer share: Redis' own words in the probe's answers and in the application's log.

use charla_wire::Cause;

use crate::evidence::{Evidence, Quote, RedisAnswer, RedisSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

/// What a Redis that does not serve the application leads to in everybody else's eyes.
pub(super) const LEADS_TO: [Cause; 3] = [
    Cause::AppException,
    Cause::BrokerUnavailable,
    Cause::RedisRestarted,
];

/// What a layer is, as far as it matters to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// `RedisChannelLayer`: writes keys and waits in `BZPOPMIN`.
    Core,
    /// `RedisPubSubChannelLayer`, or a Charla server's broker: publishes, and writes nothing.
    Publishing,
    /// Within the process.
    InMemory,
    /// Not known: the core layer is by far the most frequent.
    Unknown,
}

/// The application's layer.
pub(super) fn layer(evidence: &Evidence) -> Layer {
    let setting = evidence.django.as_ref().and_then(|django| django.layer.as_ref());
    match setting.map(|layer| layer.backend.as_str()) {
        Some(backend) if backend.contains("InMemory") => Layer::InMemory,
        Some(backend) if backend.to_ascii_lowercase().contains("pubsub") => Layer::Publishing,
        Some(backend) if backend.contains("RedisChannelLayer") => Layer::Core,
        Some(_) => Layer::Unknown,
        None if evidence.charla.is_some() => Layer::Publishing,
        None => Layer::Unknown,
    }
}

/// Quotes of the application's own log.
pub(super) fn logged(quotes: &[Quote]) -> Vec<Fact> {
    let rows = quotes.iter().take(2);
    rows.map(|quote| {
        Fact::quoted(
            both!("the application's log", "el registro de la aplicación"),
            quote,
        )
    })
    .collect()
}

/// Redis' words, asked with the application's own address.
pub(super) fn answered(redis: &RedisSeen, words: &str) -> Fact {
    Fact {
        what: both!(
            "asked with the application's own address, Redis says",
            "preguntado con la dirección de la propia aplicación, Redis dice"
        ),
        quote: Some(words.to_owned()),
        at: Some(redis.url.clone()),
    }
}

/// What was looked at and holds nothing of the kind.
pub(super) fn ruled_out(evidence: &Evidence) -> Outcome {
    match evidence.redis.as_ref().map(|redis| &redis.answer) {
        Some(RedisAnswer::Pong) => Outcome::Pass(both!(
            "Redis answers and says nothing of the kind",
            "Redis responde y no dice nada de eso"
        )),
        Some(RedisAnswer::Error(words)) => Outcome::Pass(both!(
            "Redis says something else: {words}",
            "Redis dice otra cosa: {words}"
        )),
        Some(_) => Outcome::Skip(both!("Redis does not answer", "Redis no responde")),
        None => Outcome::Skip(both!(
            "no Redis address was given or found",
            "no se dio ni se encontró ninguna dirección de Redis"
        )),
    }
}

/// A state that Redis names itself, to the probe or to the application: its words are the proof.
pub(super) struct State {
    /// How the words begin, or what stands in them.
    pub(super) words: &'static [&'static str],
    /// The same in a log.
    pub(super) signs: &'static [Sign],
    /// Only a layer that writes suffers from it.
    pub(super) writing: bool,
}

impl State {
    /// The finding when somebody heard it; else what rules it out.
    pub(super) fn judge(
        &self,
        evidence: &Evidence,
        sentence: Text,
        refine: impl FnOnce(Finding, Option<&RedisSeen>) -> Finding,
    ) -> Outcome {
        let redis = evidence.redis.as_ref();
        let mut facts = Vec::new();
        let idle = self.writing && matches!(layer(evidence), Layer::Publishing | Layer::InMemory);
        if let Some(redis) = redis.filter(|_| !idle)
            && let Some(words) =
                said(redis).find(|words| self.words.iter().any(|known| words.contains(known)))
        {
            facts.push(answered(redis, words));
        }
        if let Some((_, seen)) = evidence.logs.fresh(self.signs) {
            facts.extend(logged(&seen.quotes));
        }
        if facts.is_empty() {
            return ruled_out(evidence);
        }
        Outcome::Fail(refine(Finding::certain(sentence, facts), redis).explains(&LEADS_TO))
    }
}

fn said(redis: &RedisSeen) -> impl Iterator<Item = &str> {
    let answer = if let RedisAnswer::Error(words) = &redis.answer {
        Some(words.as_str())
    } else {
        None
    };
    answer.into_iter().chain(redis.write_error.as_deref())
}
