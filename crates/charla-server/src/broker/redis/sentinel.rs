//! The master that sentinels name, and leaving it once they name another.
//!
//! A master that was demoted, or stands on the wrong side of a partition, goes on taking what is published and gives the
//! canaries back: two nodes on two masters would each be content and not hear each other. So all sentinels are asked
//! again and again, and the newest of their answers counts.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::door::{Door, field};
use super::resp::Value;
use super::session::{PLAIN, Session};
use crate::broker::remote::BrokerSetupError;
use crate::broker::remote::ended::Ended;
use crate::broker::remote::keep::Speaker;
use crate::broker::remote::lane::Outgoing;
use crate::broker::remote::link::Link;
use crate::settings::{BrokerPlace, BrokerSettings, BrokerUrl};

/// The sentinels are asked again this often, besides what they tell by themselves.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A sentinel that has not answered by then is left out.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The master that sentinels name.
pub(in crate::broker) struct Watched {
    door: Door,
    sentinels: Sentinels,
}

struct Sentinels {
    door: Door,
    places: Vec<BrokerPlace>,
    master: Arc<str>,
}

impl Watched {
    pub(in crate::broker) fn new(
        url: &BrokerUrl,
        master: &str,
        settings: &BrokerSettings,
    ) -> Result<Self, BrokerSetupError> {
        Ok(Self {
            door: Door::new(url, settings)?,
            sentinels: Sentinels {
                door: Door::to_sentinels(url, settings)?,
                places: url.places().to_vec(),
                master: master.into(),
            },
        })
    }

    async fn spoken(&self, link: &Link, said: &mut Outgoing) -> Result<Ended, Ended> {
        let named = self.sentinels.newest().await?;
        let Some(place) = named.first() else {
            return Err(self.sentinels.no_master("it is known to none".into()));
        };
        let open = self.door.open(place).await?;
        if !open.is_master() {
            return Err(Ended::NotMaster(place.to_string()));
        }
        let session = Session {
            link,
            canary: link.shared.canary(),
            words: &PLAIN,
        };
        Ok(tokio::select! {
            ended = session.run(open, said) => ended,
            ended = self.sentinels.watch(place) => ended,
        })
    }
}

impl Speaker for Watched {
    async fn connection(&mut self, link: &Link, said: &mut Outgoing) -> Ended {
        let (Ok(ended) | Err(ended)) = self.spoken(link, said).await;
        ended
    }
}

impl Sentinels {
    fn no_master(&self, said: String) -> Ended {
        Ended::NoMaster {
            master: self.master.to_string(),
            said,
        }
    }

    /// Where the master is by those who heard of the last failover; several places only where they have several names
    /// for one.
    async fn newest(&self) -> Result<Vec<BrokerPlace>, Ended> {
        let mut asked = JoinSet::new();
        for place in self.places.clone() {
            let (door, master) = (self.door.clone(), Arc::clone(&self.master));
            asked.spawn(async move {
                let within = timeout(ANSWER_WITHIN, named(&door, &place, &master)).await;
                within.unwrap_or_else(|_| {
                    Err(Ended::Slow {
                        at: place.to_string(),
                        within: ANSWER_WITHIN,
                    })
                })
            });
        }
        let (mut newest, mut places, mut said) = (0, Vec::new(), "it is known to none".to_owned());
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(Some((epoch, place)))) => {
                    if epoch > newest {
                        places.clear();
                    }
                    if epoch >= newest {
                        newest = epoch;
                        places.push(place);
                    }
                }
                Ok(Ok(None)) => {}
                Ok(Err(ended)) => said = ended.to_string(),
                Err(error) => said = error.to_string(),
            }
        }
        if places.is_empty() {
            return Err(self.no_master(said));
        }
        Ok(places)
    }

    /// Comes back when the master is no longer there.
    async fn watch(&self, place: &BrokerPlace) -> Ended {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut switched = pin!(self.switched());
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = &mut switched => switched.set(self.switched()),
            }
            // While no sentinel answers, the master stays the one they named last.
            if let Ok(named) = self.newest().await
                && !named.contains(place)
            {
                return Ended::NotMaster(place.to_string());
            }
        }
    }

    /// Comes back when a sentinel tells of another master, unasked.
    async fn switched(&self) {
        loop {
            for place in &self.places {
                if self.told_by(place).await.is_ok() {
                    return;
                }
            }
            // sleeps because a sentinel that comes back tells nobody
            sleep(LOOK_EVERY).await;
        }
    }

    async fn told_by(&self, place: &BrokerPlace) -> Result<(), Ended> {
        let mut open = self.door.open(place).await?;
        open.subscribe("+switch-master").await?;
        loop {
            let Value::Push(pushed) = open.input.next().await? else {
                continue;
            };
            if let [kind, _, what] = pushed.as_slice()
                && kind.is("message")
                && what.text().and_then(|text| text.split(' ').next()) == Some(&self.master)
            {
                return Ok(());
            }
        }
    }
}

/// What one sentinel says: where the master is, and since which failover, by their count. `None`: it knows no master
/// of that name.
async fn named(door: &Door, place: &BrokerPlace, master: &str) -> Result<Option<(u64, BrokerPlace)>, Ended> {
    let mut open = door.open(place).await?;
    let words: [&[u8]; 3] = [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master.as_bytes()];
    let answer = open.ask(&words).await?;
    let [host, port] = answer.items() else {
        return Ok(None);
    };
    let (Some(host), Some(port)) = (host.text(), port.number()) else {
        return Err(Ended::Garbled("sentinel"));
    };
    let words: [&[u8]; 3] = [b"SENTINEL", b"MASTER", master.as_bytes()];
    // A user without this right counts as one who heard of no failover.
    let epoch = match open.ask(&words).await {
        Ok(answer) => field(answer.items(), "config-epoch")
            .and_then(Value::number)
            .unwrap_or(0),
        Err(Ended::Refused(_)) => 0,
        Err(ended) => return Err(ended),
    };
    let host = host.to_owned();
    Ok(Some((epoch, BrokerPlace { host, port })))
}
