//! The programs of a run: Redis, PostgreSQL, nginx in front, and the nodes between them.

pub(crate) mod nginx;
pub(crate) mod node;
pub(crate) mod postgres;
pub(crate) mod redis;

use std::fs;
use std::path::Path;

use charla_ground::Outcome;
use tokio::runtime::Handle;

use crate::network::Network;
use crate::stack::node::Common;
use crate::stack::postgres::Postgres;
use crate::stack::redis::Redis;

/// What nodes stand on.
pub(crate) struct Ground {
    pub(crate) network: Network,
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    /// What each of them is told of it.
    pub(crate) common: Common,
}

impl Ground {
    /// Builds the networks, and starts a Redis and a PostgreSQL, each in a folder of its own.
    pub(crate) fn lay(runtime: &Handle, folder: &Path, charla: &Path) -> Outcome<Self> {
        let network = Network::build()?;
        let room = |name: &str| {
            let place = folder.join(name);
            fs::create_dir_all(&place).map(|()| place)
        };
        let redis = Redis::start(&room("redis")?, network.place(network.hub(), 6379)?)?;
        let postgres = Postgres::start(runtime, &room("postgres")?, network.place(network.hub(), 5432)?)?;
        let common = Common {
            charla: charla.to_owned(),
            network,
            store: postgres.url(),
            broker: format!("redis://{}", redis.place),
        };
        Ok(Self {
            network,
            redis,
            postgres,
            common,
        })
    }
}
