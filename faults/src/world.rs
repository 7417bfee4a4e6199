//! Who is in the run: two tenants with the same chats and the same people, so that whatever crosses has somewhere to go.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_client::ChatId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// Both have everything by the same name.
pub(crate) const TENANTS: [&str; 2] = ["uno", "dos"];
/// What the nodes sign and check tokens with.
pub(crate) const KEY: &str = "a-key-of-the-faults-alone-0123456789abcdef";
/// Looks who is told to be in the chats, and is in none of the figures.
pub(crate) const OBSERVER: &str = "observer";

/// Chats of a tenant beside the one that everybody is in.
const SMALL_CHATS: usize = 19;
/// The lifetime of a token in seconds. Longer than any clock is put forward.
const TOKEN_TTL: i64 = 4 * 3600;

/// How many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    /// Clients of each tenant. One in eight is a second one of the same person.
    pub(crate) clients: usize,
}

impl World {
    /// The people of each tenant.
    pub(crate) fn people(self) -> usize {
        self.clients - self.clients / 8
    }

    /// Whose the `nth` client is.
    pub(crate) fn person(self, nth: usize) -> String {
        format!("u{}", nth % self.people())
    }

    /// The chats of the `nth` client's person: the large one first.
    pub(crate) fn chats(self, nth: usize) -> Vec<ChatId> {
        let person = nth % self.people();
        let small = [person % SMALL_CHATS, (person * 7 + 3) % SMALL_CHATS];
        let mut names = vec![0, small[0] + 1, small[1] + 1];
        names.dedup();
        names.into_iter().filter_map(chat).collect()
    }
}

/// A chat by its number.
pub(crate) fn chat(number: usize) -> Option<ChatId> {
    ChatId::parse(&format!("c{number}")).ok()
}

/// All chats of a tenant.
pub(crate) fn all_chats() -> Vec<ChatId> {
    (0..=SMALL_CHATS).filter_map(chat).collect()
}

/// What stands in every name and text of a tenant's, and in none of the other's.
pub(crate) fn mark(tenant: &str) -> String {
    format!(" of {tenant}")
}

/// The rows that all this needs, in PostgreSQL's words.
pub(crate) fn rows(world: World) -> String {
    let mut sql = String::new();
    for tenant in TENANTS {
        sql += &format!("INSERT INTO tenants (id, name, created_at) VALUES ('{tenant}', '{tenant}', 0);\n");
        let people = (0..world.people()).map(|person| (person, format!("u{person}")));
        for (_, user) in people.clone().chain([(0, OBSERVER.to_owned())]) {
            sql += &format!(
                "INSERT INTO users (tenant, id, name, role, state, tokens_valid_from, created_at) \
                 VALUES ('{tenant}', '{user}', '{user}{}', 'member', 'active', 0, 0);\n",
                mark(tenant)
            );
        }
        for chat in all_chats() {
            sql += &format!(
                "INSERT INTO chats (tenant, chat, title, moved, created_at) \
                 VALUES ('{tenant}', '{chat}', '{chat}{}', nextval('chats_moved'), 0);\n{}",
                mark(tenant),
                member(tenant, chat.as_str(), OBSERVER)
            );
        }
        for (person, user) in people {
            for chat in world.chats(person) {
                sql += &member(tenant, chat.as_str(), &user);
            }
        }
    }
    sql
}

fn member(tenant: &str, chat: &str, user: &str) -> String {
    format!(
        "INSERT INTO members (chat, tenant, person, joined_at) \
         SELECT id, tenant, '{user}', 0 FROM chats WHERE tenant = '{tenant}' AND chat = '{chat}';\n"
    )
}

/// A fresh token of somebody's, in the form of the server's own.
pub(crate) fn token(tenant: &str, user: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    let head = json!({"alg": "HS256", "typ": "JWT", "kid": "charla"});
    let claims = json!({
        "token_type": "access",
        "exp": now + TOKEN_TTL,
        // Older than any clock is put back.
        "iat": now - TOKEN_TTL,
        "jti": format!("{tenant}-{user}-{now}"),
        "user_id": user,
        "tenant": tenant,
        "name": format!("{user}{}", mark(tenant)),
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&head), encode(&claims));
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()) else {
        return String::new();
    };
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Small numbers that look like chance, the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below `sides`, which is at least 1 (splitmix64).
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let sides = u64::try_from(sides).unwrap_or(u64::MAX).max(1);
        usize::try_from((mixed ^ (mixed >> 31)) % sides).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_in_the_large_chat_and_some_are_there_twice() {
        let world = World { clients: 150 };
        assert_eq!(world.people(), 132);
        assert!((0..150).all(|nth| world.chats(nth).first().is_some_and(|chat| chat.as_str() == "c0")));
        assert_eq!(world.person(132), "u0");
        assert_eq!(world.chats(132), world.chats(0));
    }

    #[test]
    fn each_chat_has_members() {
        let world = World { clients: 30 };
        let busy: std::collections::BTreeSet<String> = (0..30)
            .flat_map(|nth| world.chats(nth))
            .map(|chat| chat.to_string())
            .collect();
        assert_eq!(busy.len(), all_chats().len());
    }
}
