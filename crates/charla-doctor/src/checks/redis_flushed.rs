//! Sockets are open and in no group: their keys were wiped, or evicted, and nothing reaches them any more.

use charla_wire::Cause;

use crate::checks::redis_said::{Layer, layer, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer, RedisSeen};
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisFlushed, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let Some(redis) = evidence.redis.as_ref().filter(|redis| redis.answer == RedisAnswer::Pong) else {
        return ruled_out(evidence);
    };
    if matches!(layer(evidence), Layer::Publishing | Layer::InMemory) {
        return Outcome::Pass(both!("this channel layer keeps no groups in Redis", "esta capa de canales no guarda grupos en Redis"));
    }
    let members: u64 = redis.groups.iter().chain(redis.groups_elsewhere.iter().map(|(_, group)| group)).map(|group| group.members).sum();
    let connections = evidence.server.as_ref().and_then(|server| server.process.as_ref()?.connections).unwrap_or(0);
    let (flushes, evicted) = (redis.flushes.unwrap_or(0), redis.evicted.unwrap_or(0));
    let url = &redis.url;
    if redis.scanned_all != Some(true) {
        return Outcome::Skip(both!("not every key of {url} was looked at", "no se miraron todas las claves de {url}"));
    }
    // A reader waits only while a socket of its process is open; after a wipe it goes on waiting.
    let readers = redis.readers.unwrap_or(0);
    if members == 0 && readers > 0 && connections > 0 && flushes + evicted > 0 {
        let mut facts = vec![
            Fact::at(both!("no group has a member, and every key was looked at", "ningún grupo tiene miembros, y se miraron todas las claves"), url.clone()),
            Fact::said(both!("{connections} connections at the server, {readers} of its readers wait in BZPOPMIN", "{connections} conexiones en el servidor, {readers} de sus lectores esperan en BZPOPMIN")),
            Fact::said(both!("FLUSHALL and FLUSHDB since Redis started: {flushes}; keys evicted: {evicted}", "FLUSHALL y FLUSHDB desde que Redis arrancó: {flushes}; claves descartadas: {evicted}")),
        ];
        facts.extend(joined(redis));
        let sentence = both!("Sockets are open, but no group in Redis has a member: they hear nothing until they connect again.", "Hay sockets abiertos, pero ningún grupo en Redis tiene miembros: no oyen nada hasta que vuelvan a conectar.");
        return Outcome::Fail(Finding::likely(sentence, facts));
    }
    let evicts = redis.eviction.as_deref().is_some_and(|policy| policy.starts_with("allkeys") || policy.starts_with("volatile"));
    if evicted > 0 && evicts && layer(evidence) == Layer::Core {
        let policy = redis.eviction.as_deref().unwrap_or_default();
        let sentence = both!("This Redis throws keys away when it is full ({policy}): groups go with them, and their sockets hear nothing.", "Este Redis descarta claves cuando se llena ({policy}): los grupos se van con ellas, y sus sockets no oyen nada.");
        let fact = Fact::at(both!("evicted_keys {evicted}, maxmemory-policy {policy}", "evicted_keys {evicted}, maxmemory-policy {policy}"), url.clone());
        return Outcome::Warn(Finding::likely(sentence, vec![fact]));
    }
    Outcome::Pass(if members > 0 {
        both!("groups in Redis have {members} members", "los grupos en Redis tienen {members} miembros")
    } else {
        both!("nothing was wiped while sockets were open, as far as Redis counts", "no se borró nada con sockets abiertos, por lo que Redis cuenta")
    })
}

/// The doctor's own socket joined a group: this application does have them.
fn joined(redis: &RedisSeen) -> Option<Fact> {
    let group = redis.groups.iter().find(|group| group.members_during.is_some_and(|during| during > group.members))?;
    let key = &group.key;
    Some(Fact::said(both!("the doctor's own connection joined {key}", "la conexión del propio doctor entró en {key}")))
}
