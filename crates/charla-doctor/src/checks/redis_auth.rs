//! Redis wants a password or a right that the application's address does not bring.

use charla_wire::Cause;

use crate::checks::redis_said::State;
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, RedisAnswer};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::RedisAuth, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    const STATE: State = State {
        words: &["NOAUTH", "WRONGPASS", "invalid username-password pair", "invalid password", "without any password configured", "NOPERM", "DENIED"],
        signs: &[Sign::RedisNoAuth, Sign::RedisWrongPass],
        writing: false,
    };
    STATE.judge(evidence, sentence(evidence), |finding, _| finding)
}

fn sentence(evidence: &Evidence) -> Text {
    let redis = evidence.redis.as_ref();
    let words = redis.map(|redis| if let RedisAnswer::Error(words) = &redis.answer { words } else { redis.write_error.as_ref().unwrap_or(&redis.url) });
    let words = words.map_or("", String::as_str);
    let logged = evidence.logs.fresh(&[Sign::RedisNoAuth]).is_some();
    if words.contains("without any password") {
        return both!("The application's address brings a password, and this Redis has none.", "La dirección de la aplicación trae una contraseña, y este Redis no tiene ninguna.");
    }
    if words.contains("NOPERM") {
        return both!("Redis lets the application's user in but forbids it what a channel layer does.", "Redis deja entrar al usuario de la aplicación, pero le prohíbe lo que hace una capa de canales.");
    }
    if words.contains("DENIED") {
        return both!("Redis runs in protected mode: from other machines it wants a password.", "Redis está en modo protegido: desde otras máquinas pide contraseña.");
    }
    if words.contains("NOAUTH") || (redis.is_none() && logged) {
        return both!("Redis wants a password, and the application's address has none.", "Redis pide contraseña, y la dirección de la aplicación no trae ninguna.");
    }
    both!("Redis refuses the password of the application's address.", "Redis rechaza la contraseña de la dirección de la aplicación.")
}
