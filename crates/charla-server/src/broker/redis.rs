//! Redis, or Valkey, as the bus between nodes: one server ([`Alone`]), the master that Sentinel names ([`Watched`]), or
//! the shards of a Cluster ([`Cluster`]).

use self::door::Door;
use self::session::{PLAIN, Session};
use super::remote::BrokerSetupError;
use super::remote::ended::Ended;
use super::remote::keep::Speaker;
use super::remote::lane::Outgoing;
use super::remote::link::Link;
use crate::settings::{BrokerPlace, BrokerSettings, BrokerUrl};

mod cluster;
mod door;
pub(crate) mod link;
pub(crate) mod resp;
mod sentinel;
mod session;
pub(super) mod slots;

pub(super) use cluster::Cluster;
pub(super) use sentinel::Watched;

/// One server.
pub(super) struct Alone {
    door: Door,
    place: BrokerPlace,
}

impl Alone {
    pub(super) fn new(url: &BrokerUrl, settings: &BrokerSettings) -> Result<Self, BrokerSetupError> {
        Ok(Self {
            door: Door::new(url, settings)?,
            place: url.first().clone(),
        })
    }
}

impl Speaker for Alone {
    async fn connection(&mut self, link: &Link, said: &mut Outgoing) -> Ended {
        match self.door.open(&self.place).await {
            Ok(open) => {
                let session = Session {
                    link,
                    canary: link.shared.canary(),
                    words: &PLAIN,
                };
                session.run(open, said).await
            }
            Err(ended) => ended,
        }
    }
}
