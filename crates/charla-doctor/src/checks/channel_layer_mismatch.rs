//! Two processes that should share a channel layer do not: another prefix, database, Redis, or key.

use charla_wire::Cause;

use crate::checks::redis_said::{Layer, layer, logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, LayerSetting, RedisSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ChannelLayerMismatch, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::LayerUndecodable]) {
        let sentence = both!(
            "A message in the channel layer could not be read: whoever sent it encrypts or serialises otherwise, and each one kills a socket.",
            "Un mensaje de la capa de canales no se pudo leer: quien lo envió cifra o serializa de otra manera, y cada uno tumba un socket."
        );
        return Outcome::Fail(Finding::likely(sentence, logged(&seen.quotes)).explains(&[Cause::AppException]));
    }
    let setting = evidence.django.as_ref().and_then(|django| django.layer.as_ref());
    if let (Some(django), Some(own)) = (&evidence.django, setting)
        && let Some((other, how)) = django.other_layers.iter().find_map(|other| Some((other, differs(own, other)?)))
    {
        let facts = vec![
            Fact::at(both!("the server's channel layer", "la capa de canales del servidor"), own.at.clone()),
            Fact::at(how.clone(), other.at.clone()),
        ];
        let sentence = both!(
            "Two processes of this project use different channel layers: what one sends, the other's sockets never hear.",
            "Dos procesos de este proyecto usan capas de canales distintas: lo que uno envía, los sockets del otro nunca lo oyen."
        );
        return Outcome::Fail(Finding::likely(sentence, facts));
    }
    let (Some(redis), Some(setting)) = (&evidence.redis, setting) else {
        return Outcome::Skip(both!("the channel layer's settings and its Redis were not both seen", "no se vieron a la vez la configuración de la capa de canales y su Redis"));
    };
    if layer(evidence) != Layer::Core {
        return Outcome::Pass(both!("nothing that was read is encoded otherwise", "nada de lo leído está codificado de otra manera"));
    }
    if !redis.looked_during {
        return if redis.answer == crate::evidence::RedisAnswer::Pong {
            Outcome::Pass(both!("no message that cannot be read, and no second layer, was seen", "no se vio ningún mensaje ilegible ni una segunda capa"))
        } else {
            ruled_out(evidence)
        };
    }
    match joined_elsewhere(redis, setting) {
        Some(facts) => {
            let sentence = both!(
                "The running server's groups are not where its settings say: it was started with other settings than those that were read.",
                "Los grupos del servidor en marcha no están donde dice su configuración: se inició con otra distinta de la que se leyó."
            );
            Outcome::Fail(Finding::likely(sentence, facts))
        }
        None => Outcome::Pass(both!("the groups are where the settings say", "los grupos están donde dice la configuración")),
    }
}

/// The doctor's own connection joined a group under another prefix or in another database, and none where the settings say.
fn joined_elsewhere(redis: &RedisSeen, setting: &LayerSetting) -> Option<Vec<Fact>> {
    let prefix = format!("{}:group:", setting.prefix);
    let grew = |group: &&crate::evidence::GroupSeen| group.members_during.is_some_and(|during| during > group.members);
    if redis.scanned_all != Some(true) || redis.groups.iter().filter(grew).any(|group| group.key.starts_with(&prefix)) {
        return None;
    }
    let here = redis.groups.iter().filter(grew).map(|group| (None, group));
    let there = redis.groups_elsewhere.iter().filter(|(_, group)| grew(&group)).map(|(database, group)| (Some(*database), group));
    // Other applications may be there as well: only one that gains a member just now is told.
    let (database, group) = here.chain(there).next()?;
    let key = &group.key;
    let place = match database {
        Some(number) => both!("{key} in database {number} gained a member while the doctor was connected", "{key} en la base de datos {number} ganó un miembro con el doctor conectado"),
        None => both!("{key} gained a member while the doctor was connected", "{key} ganó un miembro con el doctor conectado"),
    };
    let (url, wanted) = (&redis.url, &setting.prefix);
    Some(vec![
        Fact::at(place, url.clone()),
        Fact::at(both!("the settings say prefix {wanted} at {url}", "la configuración dice prefijo {wanted} en {url}"), setting.at.clone()),
    ])
}

/// In what two layers differ.
fn differs(own: &LayerSetting, other: &LayerSetting) -> Option<Text> {
    let (a, b) = (&own.prefix, &other.prefix);
    if own.backend != other.backend {
        let (a, b) = (&own.backend, &other.backend);
        return Some(both!("another process has {b}, the server {a}", "otro proceso tiene {b}, el servidor {a}"));
    }
    if a != b {
        return Some(both!("another process has prefix {b}, the server {a}", "otro proceso tiene el prefijo {b}, el servidor {a}"));
    }
    if own.hosts != other.hosts {
        let (a, b) = (own.hosts.join(", "), other.hosts.join(", "));
        return Some(both!("another process uses {b}, the server {a}", "otro proceso usa {b}, el servidor {a}"));
    }
    (own.encrypted != other.encrypted).then(|| both!("one of them encrypts, the other does not", "uno de ellos cifra y el otro no"))
}
