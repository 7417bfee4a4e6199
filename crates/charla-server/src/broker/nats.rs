//! NATS as the bus between nodes: any of the servers in the address, the next one when one is lost.

use super::remote::BrokerSetupError;
use super::remote::ended::Ended;
use super::remote::keep::Speaker;
use super::remote::lane::Outgoing;
use super::remote::link::Link;
use super::remote::wire;
use crate::settings::{BrokerPlace, BrokerSettings, BrokerUrl};

mod door;
pub(crate) mod said;
mod session;
mod subject;

/// NATS.
pub(super) struct Nats {
    door: door::Door,
    places: Vec<BrokerPlace>,
}

impl Nats {
    pub(super) fn new(url: &BrokerUrl, settings: &BrokerSettings) -> Result<Self, BrokerSetupError> {
        Ok(Self {
            door: door::Door {
                wire: wire::Wire::new(url, settings, true)?,
                user: url.user().map(str::to_owned),
                password: wire::password(url, settings)?,
            },
            places: url.places().to_vec(),
        })
    }
}

impl Speaker for Nats {
    async fn connection(&mut self, link: &Link, said: &mut Outgoing) -> Ended {
        let Some(place) = self.places.first().cloned() else {
            return Ended::Garbled("NATS");
        };
        let ended = match self.door.open(&place).await {
            Ok(open) => session::run(link, open, said).await,
            Err(ended) => ended,
        };
        self.places.rotate_left(1);
        ended
    }
}
