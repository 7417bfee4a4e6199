//! News of those who repeat themselves, as it travels between nodes.

use charla_core::Millis;
use charla_core::loops::Told;
use charla_wire::Cause;
use serde::{Deserialize, Serialize};

use super::{Key, Who};

/// News of one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct News {
    key: Key,
    /// Absent when it was let in.
    again: Option<Again>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Again {
    cause: String,
    count: u32,
    lasting: Millis,
    waits: u32,
    left: Millis,
    who: Option<Who>,
}

impl News {
    /// Writes it down.
    pub(crate) fn of((key, told): &(Key, Told<Who>)) -> Self {
        let again = match told {
            Told::Over => None,
            Told::Again {
                cause,
                count,
                lasting,
                waits,
                left,
                note,
            } => Some(Again {
                cause: cause.id().to_owned(),
                count: *count,
                lasting: *lasting,
                waits: *waits,
                left: *left,
                who: note.clone(),
            }),
        };
        Self {
            key: key.clone(),
            again,
        }
    }

    /// Reads it; `None` for a cause that this program does not know.
    pub(crate) fn told(self) -> Option<(Key, Told<Who>)> {
        let Some(again) = self.again else {
            return Some((self.key, Told::Over));
        };
        let told = Told::Again {
            cause: Cause::from_id(&again.cause)?,
            count: again.count,
            lasting: again.lasting,
            waits: again.waits,
            left: again.left,
            note: again.who,
        };
        Some((self.key, told))
    }
}

/// News of each kind, to be read as it was written.
#[cfg(test)]
pub(crate) fn news_of_everything() -> crate::happening::Happening {
    use charla_wire::{ChatId, TenantId, UserId};

    let who = Who {
        tenant: TenantId::parse("demo").ok(),
        user: UserId::parse("ana").ok(),
        chat: ChatId::parse("5").ok(),
        address: None,
    };
    let again = Told::Again {
        cause: Cause::TokenExpired,
        count: 21,
        lasting: 60_000,
        waits: 2,
        left: 9_000,
        note: Some(who),
    };
    let address = Key::Address(std::net::Ipv4Addr::LOCALHOST.into());
    crate::happening::Happening::Loops {
        news: vec![(address.clone(), again), (address, Told::Over)],
        own: false,
    }
}
