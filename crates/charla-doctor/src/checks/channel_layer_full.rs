//! A mailbox of the channel layer is full, and what comes is dropped.

use charla_wire::Cause;

use crate::checks::redis_said::{Layer, layer, logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ChannelLayerFull, step: Step::Redis, judge };

/// `capacity` of channels_redis where the settings have none.
const CAPACITY: u64 = 100;

fn judge(evidence: &Evidence) -> Outcome {
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::OverCapacity]) {
        let count = seen.count;
        let sentence = both!(
            "The sender dropped messages {count} times because a channel was over capacity.",
            "Quien envía descartó mensajes {count} veces porque un canal estaba lleno."
        );
        return Outcome::Fail(Finding::certain(sentence, logged(&seen.quotes)));
    }
    let Some(redis) = evidence.redis.as_ref().filter(|redis| redis.answer == RedisAnswer::Pong) else {
        return ruled_out(evidence);
    };
    if matches!(layer(evidence), Layer::Publishing | Layer::InMemory) {
        return Outcome::Pass(both!("this channel layer keeps no mailboxes in Redis", "esta capa de canales no guarda buzones en Redis"));
    }
    let setting = evidence.django.as_ref().and_then(|django| django.layer.as_ref());
    let capacity = setting.and_then(|layer| layer.capacity).unwrap_or(CAPACITY);
    let Some((key, held)) = redis.mailboxes.iter().find(|(_, held)| *held >= capacity) else {
        return Outcome::Pass(both!("no mailbox holds as many as {capacity} messages", "ningún buzón tiene {capacity} mensajes"));
    };
    // That of a process that died fills up as well, and hurts nobody: it may be one.
    let sentence = both!(
        "The mailbox {key} holds {held} messages, its capacity: its process does not read, or is gone, and what comes is dropped.",
        "El buzón {key} tiene {held} mensajes, su capacidad: su proceso no lee, o ya no existe, y lo que llega se descarta."
    );
    let fact = Fact::at(both!("ZCARD {key}: {held} of {capacity}", "ZCARD {key}: {held} de {capacity}"), redis.url.clone());
    Outcome::Warn(Finding::possible(sentence, vec![fact]))
}
