//! What refusals are counted under: [`Key`], and who that is, as far as known.

use std::fmt;
use std::net::IpAddr;

use charla_core::UserKey;
use charla_wire::{ChatId, TenantId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::handshake::{Asked, Refused};

/// Bytes of a hash that are kept: too many for two to be the same.
const BYTES: usize = 16;
/// Bytes of it that people are shown.
const SHOWN: usize = 4;

/// Part of the SHA-256 of something that was shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; BYTES]);

impl Fingerprint {
    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length: no two lists of parts make the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut kept = [0; BYTES];
        for (to, from) in kept.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(kept)
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0.get(..SHOWN).unwrap_or_default(), f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Whole<'a>(&'a [u8]);
        impl fmt::Display for Whole<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(self.0, f)
            }
        }
        serializer.collect_str(&Whole(&self.0))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let number = u128::from_str_radix(&hex, 16)
            .ok()
            .filter(|_| hex.len() == 2 * BYTES);
        let number = number.ok_or_else(|| serde::de::Error::custom("not a fingerprint"))?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A token or ticket.
    Credential(Fingerprint),
    /// A credential at a chat, a tenant and an origin.
    Question(Fingerprint),
    /// The same, for what it does once it is in.
    Conduct(Fingerprint),
    /// Where from.
    Address(IpAddr),
    /// Who, as proved.
    #[serde(with = "user")]
    User(UserKey),
}

impl Key {
    /// What kind of key it is, as shown to people and programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Credential(_) => "credential",
            Self::Question(_) => "question",
            Self::Conduct(_) => "conduct",
            Self::Address(_) => "address",
            Self::User(_) => "user",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(print) | Self::Question(print) | Self::Conduct(print) => {
                write!(f, "{}:{print}", self.kind())
            }
            Self::Address(address) => write!(f, "address:{address}"),
            Self::User(user) => write!(f, "user:{user}"),
        }
    }
}

/// A user's key, written as a pair.
mod user {
    use super::{Deserialize, Deserializer, Serialize, Serializer, TenantId, UserId, UserKey};

    pub(super) fn serialize<S: Serializer>(key: &UserKey, serializer: S) -> Result<S::Ok, S::Error> {
        (&key.tenant, &key.user).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UserKey, D::Error> {
        let (tenant, user) = <(TenantId, UserId)>::deserialize(deserializer)?;
        Ok(UserKey { tenant, user })
    }
}

/// The keys of one handshake.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// Of what it shows; `None` when it shows nothing.
    pub(super) shown: Option<Shown>,
    /// Where it comes from.
    pub(super) address: IpAddr,
}

/// Hashes of a credential and of what is asked with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    credential: Fingerprint,
    question: Fingerprint,
}

impl Keys {
    /// Hashes what is shown and asked.
    pub(super) fn of(asked: &Asked, origin: Option<&[u8]>, address: IpAddr) -> Self {
        let shown = asked.shown().map(|shown| {
            let credential = Fingerprint::of(&[shown.as_bytes()]);
            let tenant = asked.tenant.as_ref().map_or("", TenantId::as_str);
            let chat = asked.chat.as_ref().map_or("", ChatId::as_str);
            let question = Fingerprint::of(&[
                &credential.0,
                tenant.as_bytes(),
                chat.as_bytes(),
                origin.unwrap_or_default(),
            ]);
            Shown { credential, question }
        });
        Self { shown, address }
    }

    /// What the connection's conduct is counted under, if it comes to one.
    pub(crate) fn conduct(&self) -> Option<Fingerprint> {
        self.shown.map(|shown| shown.question)
    }
}

impl Shown {
    pub(super) const fn credential(&self) -> Key {
        Key::Credential(self.credential)
    }

    pub(super) const fn question(&self) -> Key {
        Key::Question(self.question)
    }

    pub(super) const fn conduct(&self) -> Key {
        Key::Conduct(self.question)
    }
}

/// Who repeats himself, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Who {
    /// Whose user, as proved or else as the address has it.
    pub tenant: Option<TenantId>,
    /// Who, as proved.
    pub user: Option<UserId>,
    /// The chat that was asked for.
    pub chat: Option<ChatId>,
    /// Where from, the last time.
    pub address: Option<IpAddr>,
}

impl Who {
    pub(super) fn of(refused: &Refused, asked: &Asked, address: IpAddr) -> Self {
        Self {
            tenant: refused.tenant.clone().or_else(|| asked.tenant.clone()),
            user: refused.user.clone(),
            chat: asked.chat.clone(),
            address: Some(address),
        }
    }

    /// The user to count, if proved.
    pub(super) fn key(&self) -> Option<Key> {
        let (tenant, user) = (self.tenant.clone()?, self.user.clone()?);
        Some(Key::User(UserKey { tenant, user }))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::handshake::Credential;

    fn keys(token: &str, chat: &str, origin: Option<&[u8]>) -> Shown {
        let asked = Asked {
            credential: Credential::Token(token.into()),
            chat: ChatId::parse(chat).ok(),
            ..Asked::default()
        };
        Keys::of(&asked, origin, Ipv4Addr::LOCALHOST.into())
            .shown
            .unwrap()
    }

    #[test]
    fn a_credential_is_one_wherever_it_is_shown_and_a_question_is_not() {
        let here = keys("a", "5", None);
        for other in [keys("a", "6", None), keys("a", "5", Some(b"https://x"))] {
            assert_eq!(here.credential(), other.credential());
            assert_ne!(here.question(), other.question());
        }
        assert_ne!(here.credential(), keys("b", "5", None).credential());
        assert_ne!(here.question(), here.conduct());
        assert!(
            Keys::of(&Asked::default(), None, Ipv4Addr::LOCALHOST.into())
                .shown
                .is_none()
        );
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_show_little() {
        let shown = keys("secret", "5", None);
        let user = UserKey {
            tenant: TenantId::parse("demo").unwrap(),
            user: UserId::parse("ana").unwrap(),
        };
        for key in [
            shown.credential(),
            shown.question(),
            shown.conduct(),
            Key::Address(Ipv4Addr::LOCALHOST.into()),
            Key::User(user),
        ] {
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key, "{json}");
            assert!(key.to_string().starts_with(key.kind()));
        }
        assert_eq!(shown.credential().to_string().len(), "credential:".len() + 8);
        assert!(serde_json::from_str::<Key>(r#"{"credential":"+1"}"#).is_err());
    }
}
