//! The client gives up exactly when Redis would answer: redis-py's reading time-out against the layer's blocking pop.

use charla_wire::Cause;

use crate::checks::redis_said::{Layer, layer, logged, ruled_out};
use crate::checks::{Check, Step};
use crate::evidence::{After, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::RedisClientTimeout, step: Step::Redis, judge };

/// `brpop_timeout` of `channels_redis.core`: so long each wait for a message lasts, in seconds.
const POP_S: f64 = 5.0;
/// redis-py 8 reads so long where nobody says; before, for ever.
const READS_5_S: (u32, u32, u32) = (8, 0, 0);
/// The last channels_redis that does not set a time-out of its own.
const SUFFERS: (u32, u32, u32) = (4, 3, 0);

fn judge(evidence: &Evidence) -> Outcome {
    if layer(evidence) == Layer::Publishing {
        return Outcome::Pass(both!("this channel layer does not wait with a blocking pop", "esta capa de canales no espera con un pop bloqueante"));
    }
    let timed_out = evidence.logs.fresh(&[Sign::RedisTimeout]).map(|(_, seen)| seen);
    let mut facts: Vec<Fact> = timed_out.iter().flat_map(|seen| logged(&seen.quotes)).collect();
    let died = died_after_five(evidence);
    facts.extend(died.clone());
    let sentence = both!(
        "The Redis client gives up after 5 s, just when the channel layer's wait for a message ends: every quiet socket dies 5 s after it opened.",
        "El cliente de Redis se rinde a los 5 s, justo cuando acaba la espera de mensajes de la capa de canales: cada socket en silencio muere a los 5 s de abrirse."
    );
    match pair(evidence) {
        Pair::Fatal(mut files) => {
            files.extend(facts);
            let seen = timed_out.is_some() || evidence.logs.sign(Sign::RedisTimeout).is_some() || died.is_some();
            let finding = if seen { Finding::certain(sentence, files) } else { Finding::likely(sentence, files) };
            Outcome::Fail(finding.explains(&[Cause::AppException]))
        }
        Pair::Unknown if timed_out.is_some() => {
            let finding = if died.is_some() { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
            Outcome::Fail(finding.explains(&[Cause::AppException]))
        }
        Pair::Harmless(why) if timed_out.is_none() => Outcome::Pass(why),
        // Somebody waits no longer than so and so: Redis is slow, which others tell.
        Pair::Harmless(_) => ruled_out(evidence),
        Pair::Unknown => Outcome::Skip(both!(
            "the versions of redis and channels_redis or the settings of the channel layer were not seen",
            "no se vieron las versiones de redis y channels_redis o la configuración de la capa de canales"
        )),
    }
}

/// What versions and settings say.
enum Pair {
    Fatal(Vec<Fact>),
    Harmless(crate::text::Text),
    Unknown,
}

fn pair(evidence: &Evidence) -> Pair {
    let Some(setting) = evidence.django.as_ref().and_then(|django| django.layer.as_ref()) else {
        return Pair::Unknown;
    };
    let place = || Fact::at(both!("the channel layer's hosts", "los hosts de la capa de canales"), setting.at.clone());
    if layer(evidence) != Layer::Core {
        return Pair::Harmless(both!("the channel layer does not wait on Redis", "la capa de canales no espera a Redis"));
    }
    match setting.socket_timeout.as_deref() {
        Some("unknown") => return Pair::Unknown,
        Some(given) => {
            return match given.parse::<f64>() {
                Ok(seconds) if seconds <= POP_S => {
                    let what = both!("socket_timeout {seconds} s, and the layer waits 5 s for each message", "socket_timeout {seconds} s, y la capa espera 5 s cada mensaje");
                    Pair::Fatal(vec![Fact::at(what, setting.at.clone())])
                }
                _ => Pair::Harmless(both!("socket_timeout is {given}", "socket_timeout es {given}")),
            };
        }
        None => {}
    }
    let Some(server) = &evidence.server else { return Pair::Unknown };
    let (Some(client), Some(channels)) = (server.package("redis"), server.package("channels-redis")) else {
        return Pair::Unknown;
    };
    if version(client) < READS_5_S || version(channels) > SUFFERS {
        return Pair::Harmless(both!("redis {client} with channels_redis {channels} waits long enough", "redis {client} con channels_redis {channels} espera lo suficiente"));
    }
    let installed = server.site_packages.clone().unwrap_or_default();
    let both = both!("redis {client} with channels_redis {channels}", "redis {client} con channels_redis {channels}");
    let mut hosts = place();
    hosts.what = both!("its hosts give no socket_timeout", "sus hosts no dan socket_timeout");
    Pair::Fatal(vec![Fact::at(both, installed), hosts])
}

fn version(text: &str) -> (u32, u32, u32) {
    let mut numbers = text.split('.').map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// A silent connection ended by itself about 5 s after it opened; or most in the logs did.
fn died_after_five(evidence: &Evidence) -> Option<Fact> {
    let conduct = evidence.conduct.as_ref();
    let ends = conduct.into_iter().flat_map(|conduct| [&conduct.idle_direct_end, &conduct.idle_end]).flatten();
    for end in ends {
        if let After::Cut { ms, .. } | After::Closed { ms, .. } = end
            && (4_500..7_500).contains(ms)
        {
            return Some(Fact::said(both!("a silent connection died {ms} ms after it opened", "una conexión en silencio murió {ms} ms después de abrirse")));
        }
    }
    let lives = &evidence.logs.lifetimes;
    let five: u64 = lives.by_second.range(5..=6).map(|(_, count)| count).sum();
    (five >= 2 && five * 2 > lives.known).then(|| {
        let known = lives.known;
        Fact::said(both!("{five} of {known} connections lived 5 s", "{five} de {known} conexiones vivieron 5 s"))
    })
}
