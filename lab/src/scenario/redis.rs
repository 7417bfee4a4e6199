//! The fourth: Redis in every state but the right one. One site stays up while its Redis is changed under it.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use charla_ground::Outcome;
use charla_ground::process::{self, free_port};
use rustix::process::Signal;

use crate::handshake::{self, Answer, Then};
use crate::lab::Lab;
use crate::scenario::{Case, Family, Way, not_broken, prove_answer, prove_status};
use crate::stack::django::{App, Serve, Server, Settings, Site, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::{Redis, prove};

/// A site whose Redis is yet to come.
struct Changing {
    _site: Site,
    app: App,
    _nginx: Nginx,
    front: u16,
    redis: u16,
}

impl Changing {
    fn shared(lab: &mut Lab, kind: Server) -> Outcome<Rc<Self>> {
        lab.shared(kind.name(), |lab| {
            let redis = free_port()?;
            let site = Site::furnish(lab, &Settings::PLAIN)?;
            let app = Serve::on(kind, free_port()?, &format!("redis://127.0.0.1:{redis}/0")).start(&site)?;
            let front = free_port()?;
            let nginx = Nginx::start(
                lab,
                Frame::PLAIN,
                &server(front, &location(app.port, UPGRADE)),
                front,
            )?;
            Ok(Self {
                _site: site,
                app,
                _nginx: nginx,
                front,
                redis,
            })
        })
    }

    fn url(&self, way: Way) -> String {
        match way {
            Way::Direct => self.app.good(),
            Way::Nginx => url(self.front, &good()),
        }
    }
}

const WAYS: [(Server, Way); 3] = [
    (Server::Uvicorn, Way::Direct),
    (Server::Uvicorn, Way::Nginx),
    (Server::Daphne, Way::Direct),
];

/// What it takes to break a Redis: what to start it with, and what to do then.
type Break = fn(&mut Lab, u16) -> Outcome<(Redis, String)>;

/// Name, how, id, how to break it, and where it is tried.
type Broken = (
    &'static str,
    &'static str,
    &'static [&'static str],
    Break,
    &'static [(Server, Way)],
);

const TWO: &[(Server, Way)] = &[(Server::Uvicorn, Way::Direct), (Server::Daphne, Way::Direct)];
const ONE: &[(Server, Way)] = &[(Server::Uvicorn, Way::Direct)];
const FRONT: &[(Server, Way)] = &[(Server::Uvicorn, Way::Nginx)];

const BROKEN: &[Broken] = &[
    (
        "redis-wants-password",
        "Redis has a password, the address has none",
        &["redis_auth"],
        wants_password,
        TWO,
    ),
    (
        "redis-max-clients",
        "as many clients as `maxclients` allows",
        &["redis_max_clients"],
        max_clients,
        TWO,
    ),
    (
        "redis-read-only",
        "a replica, after a failover that nobody told the application of",
        &["redis_read_only"],
        replica,
        TWO,
    ),
    (
        "redis-out-of-memory",
        "over `maxmemory`, and nothing may be evicted",
        &["redis_out_of_memory"],
        out_of_memory,
        ONE,
    ),
    (
        "redis-out-of-memory",
        "the same",
        &["redis_out_of_memory"],
        out_of_memory,
        FRONT,
    ),
    (
        "redis-cannot-persist",
        "its snapshot cannot be written",
        &["redis_cannot_persist"],
        cannot_persist,
        ONE,
    ),
    (
        "redis-loading",
        "it is still reading its data",
        &["redis_loading"],
        loading,
        ONE,
    ),
    (
        "redis-too-old",
        "it knows no BZPOPMIN, as before 5.0",
        &["redis_too_old"],
        too_old,
        ONE,
    ),
];

fn wants_password(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let redis = Redis::start(lab, port, &["--requirepass", "un-secreto"])?;
    let proof = prove(port, &["PING"], "NOAUTH")?;
    Ok((redis, proof))
}

fn max_clients(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let redis = Redis::start(lab, port, &["--maxclients", "4"])?;
    Ok((redis, String::new()))
}

fn replica(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let redis = Redis::start(lab, port, &["--replicaof", "127.0.0.1 1"])?;
    let proof = prove(port, &["SET", "probe", "1"], "READONLY")?;
    Ok((redis, proof))
}

fn out_of_memory(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let redis = Redis::start(lab, port, &["--maxmemory-policy", "noeviction"])?;
    redis.ask(&["SET", "sessions", &"x".repeat(60_000)])?;
    redis.ask(&["CONFIG", "SET", "maxmemory", "200kb"])?;
    let proof = prove(port, &["SET", "probe", "1"], "OOM")?;
    Ok((redis, proof))
}

/// Where the snapshot should go stands a folder of that name.
fn cannot_persist(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let redis = Redis::start(lab, port, &["--save", "3600 1"])?;
    fs::create_dir(redis.folder.join("dump.rdb"))?;
    redis.ask(&["SET", "sessions", "1"])?;
    redis.ask(&["BGSAVE"])?;
    process::wait_for_words(redis.running.log(), "Background saving error")?;
    let proof = prove(port, &["SET", "probe", "1"], "MISCONF")?;
    Ok((redis, proof))
}

/// A snapshot of 4,000 keys, read at 5 ms each: it answers in between, with `LOADING`.
fn loading(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let first = Redis::start(lab, port, &["--save", "3600 100000"])?;
    let keys: Vec<String> = (0..4000).map(|number| format!("key-{number}")).collect();
    let mut words = vec!["MSET"];
    words.extend(keys.iter().flat_map(|key| [key.as_str(), "1"]));
    first.ask(&words)?;
    first.ask(&["SAVE"])?;
    let folder = first.folder.clone();
    drop(first);
    let slow = [
        "--key-load-delay",
        "5000",
        "--loading-process-events-interval-bytes",
        "1024",
        "--save",
        "3600 100000",
    ];
    let redis = Redis::start_in(folder, port, &slow)?;
    let proof = prove(port, &["PING"], "LOADING")?;
    Ok((redis, proof))
}

fn too_old(lab: &mut Lab, port: u16) -> Outcome<(Redis, String)> {
    let redis = Redis::start(lab, port, &["--rename-command", "BZPOPMIN", ""])?;
    let proof = prove(port, &["BZPOPMIN", "x", "1"], "unknown command")?;
    Ok((redis, proof))
}

pub(super) fn family() -> Family {
    let mut family = Family::new("redis");
    for (kind, way) in WAYS {
        let suffix = format!("{}{}", kind.name(), way.suffix());
        family.broken(
            format!("redis-down-{suffix}"),
            "Redis does not run",
            &["redis_down"],
            move |lab| {
                let site = Changing::shared(lab, kind)?;
                let url = site.url(way);
                let proof = prove_status(&url, &[], 500)?;
                Ok(Case::url(&url, proof).keep(site))
            },
        );
        family.broken(
            format!("redis-frozen-{suffix}"),
            "Redis is stopped in its tracks: it takes connections and never answers",
            &["redis_frozen"],
            move |lab| {
                let site = Changing::shared(lab, kind)?;
                let redis = Redis::start(lab, site.redis, &[])?;
                redis.running.signal(Signal::STOP)?;
                let url = site.url(way);
                // Connections to the Redis before it may be in the pool: those fail at once, one after the other.
                let mut proof = prove_answer(&url, &Answer::Silent);
                for _ in 0..3 {
                    proof = proof.or_else(|_| prove_answer(&url, &Answer::Silent));
                }
                let proof = proof?;
                Ok(Case::url(&url, proof).keep(redis).keep(site))
            },
        );
    }
    for (name, how, ids, broken, ways) in BROKEN {
        for (kind, way) in ways.iter().copied() {
            let name = format!("{name}-{}{}", kind.name(), way.suffix());
            family.broken(name, *how, ids, move |lab| {
                let site = Changing::shared(lab, kind)?;
                let (redis, said) = broken(lab, site.redis)?;
                let taken = (*ids == ["redis_max_clients"])
                    .then(|| take_all(site.redis))
                    .transpose()?;
                let url = site.url(way);
                let said = if taken.is_some() {
                    prove(site.redis, &["PING"], "max number of clients")?
                } else {
                    said
                };
                let proof = if *ids == ["redis_too_old"] {
                    prove_cut(&url)?
                } else {
                    prove_status(&url, &[], 500)?
                };
                Ok(Case::url(&url, format!("{proof}; {said}"))
                    .keep(taken)
                    .keep(redis)
                    .keep(site))
            });
        }
    }
    addresses(&mut family);
    connected(&mut family);
    family
}

/// Connections until Redis has no place left for another.
fn take_all(port: u16) -> Outcome<Vec<std::net::TcpStream>> {
    let taken = (0..4)
        .map(|_| std::net::TcpStream::connect(("127.0.0.1", port)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(taken)
}

/// That the handshake opens and the connection is cut without a close frame soon after.
pub(super) fn prove_cut(url: &str) -> Outcome<String> {
    let mut client = match handshake::open(url, &[])? {
        Ok(client) => client,
        Err(answer) => return Err(not_broken("101", &answer.words())),
    };
    match client.watch(Duration::from_secs(8))? {
        Then::Cut => Ok("101, then cut without a close frame".to_owned()),
        Then::Closed(1011, reason) => Ok(format!("101, then 1011 {reason:?}")),
        other @ (Then::Open(_) | Then::Closed(..)) => Err(not_broken("a cut", &format!("{other:?}"))),
    }
}

/// Settings that lead elsewhere.
fn addresses(family: &mut Family) {
    family.broken(
        "redis-wrong-password",
        "the address has an old password",
        &["redis_auth"],
        |lab| {
            let redis = Redis::start(lab, free_port()?, &["--requirepass", "un-secreto"])?;
            let site = Site::furnish(lab, &Settings::PLAIN)?;
            let address = format!("redis://:el-anterior@127.0.0.1:{}/0", redis.port);
            let app = Serve::on(Server::Uvicorn, free_port()?, &address).start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app).keep(redis))
        },
    );
    family.broken(
        "redis-wrong-port",
        "Redis runs, on another port than the settings say",
        &["redis_wrong_address"],
        |lab| {
            let redis = Redis::start(lab, free_port()?, &[])?;
            let wrong = free_port()?;
            let site = Site::furnish(lab, &Settings::hosts(&format!("[(\"127.0.0.1\", {wrong})]")))?;
            let app = Serve::on(Server::Uvicorn, free_port()?, "").start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app).keep(redis))
        },
    );
    family.broken(
        "redis-wrong-host",
        "the settings name a host that does not exist",
        &["redis_wrong_address"],
        |lab| {
            let redis = Redis::start(lab, free_port()?, &[])?;
            let site = Site::furnish(lab, &Settings::PLAIN)?;
            let address = format!("redis://redis.invalid:{}/0", redis.port);
            let app = Serve::on(Server::Uvicorn, free_port()?, &address).start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app).keep(redis))
        },
    );
    family.broken(
        "redis-down-literal",
        "Redis does not run; its address stands in the settings as the tutorial has it",
        &["redis_down"],
        |lab| {
            let site = Site::furnish(
                lab,
                &Settings::hosts(&format!("[(\"127.0.0.1\", {})]", free_port()?)),
            )?;
            let app = Serve::on(Server::Uvicorn, free_port()?, "").start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app))
        },
    );
    layers(family);
}

/// The same address, used otherwise.
fn layers(family: &mut Family) {
    family.broken(
        "redis-down-pubsub",
        "Redis does not run, under the other layer",
        &["redis_down"],
        |lab| {
            let address = format!("redis://127.0.0.1:{}/0", free_port()?);
            let site = Site::furnish(lab, &Settings::pubsub(&address))?;
            let app = Serve::on(Server::Uvicorn, free_port()?, "").start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app))
        },
    );
    for kind in [Server::Uvicorn, Server::Daphne] {
        family.broken(
            format!("redis-down-after-accept-{}", kind.name()),
            "Redis does not run, and the consumer accepts before it joins",
            &["redis_down"],
            move |lab| {
                let site = Site::furnish(lab, &Settings::PLAIN)?;
                let address = format!("redis://127.0.0.1:{}/0", free_port()?);
                let app = Serve::on(kind, free_port()?, &address)
                    .with("FALTA", "aceptar")
                    .start(&site)?;
                let proof = prove_cut(&app.good())?;
                Ok(Case::url(&app.good(), proof).keep(app))
            },
        );
    }
}

/// What happens while somebody is connected.
fn connected(family: &mut Family) {
    family.broken(
        "redis-killed-while-connected",
        "Redis is killed under an open connection",
        &["redis_down"],
        |lab| {
            let site = Changing::shared(lab, Server::Uvicorn)?;
            let mut redis = Redis::start(lab, site.redis, &[])?;
            let url = site.url(Way::Direct);
            let mut client = connect(&url)?;
            redis.running.kill()?;
            let proof = match client.watch(Duration::from_secs(8))? {
                Then::Cut => "an open connection was cut without a close frame".to_owned(),
                other @ (Then::Open(_) | Then::Closed(..)) => {
                    return Err(not_broken("a cut", &format!("{other:?}")));
                }
            };
            Ok(Case::url(&url, proof).keep(site))
        },
    );
    family.opens(
        "redis-restarted-while-connected",
        "Redis was restarted within a second under an open connection",
        &["redis_restarted"],
        |lab| {
            let site = Changing::shared(lab, Server::Uvicorn)?;
            let redis = Redis::start(lab, site.redis, &[])?;
            let url = site.url(Way::Direct);
            let mut client = connect(&url)?;
            drop(redis);
            let redis = Redis::start(lab, site.redis, &[])?;
            let proof = match client.watch(Duration::from_secs(8))? {
                Then::Cut => "an open connection was cut; a new one opens".to_owned(),
                other @ (Then::Open(_) | Then::Closed(..)) => {
                    return Err(not_broken("a cut", &format!("{other:?}")));
                }
            };
            drop(connect(&url)?);
            Ok(Case::url(&url, proof).keep(redis).keep(site))
        },
    );
    family.opens(
        "redis-flushed",
        "FLUSHALL under an open connection, which is deaf from then on",
        &["redis_flushed"],
        |lab| {
            let site = Changing::shared(lab, Server::Uvicorn)?;
            let redis = Redis::start(lab, site.redis, &[])?;
            let url = site.url(Way::Direct);
            let mut client = connect(&url)?;
            redis.ask(&["FLUSHALL"])?;
            client.say(r#"{"texto": "hola"}"#)?;
            let proof = match client.watch(Duration::from_secs(2))? {
                Then::Open(heard) if heard.is_empty() => "open, and does not hear its own message".to_owned(),
                other @ (Then::Open(_) | Then::Closed(..) | Then::Cut) => {
                    return Err(not_broken("silence", &format!("{other:?}")));
                }
            };
            Ok(Case::url(&url, proof).keep(client).keep(redis).keep(site))
        },
    );
}

/// Opens a connection and waits for its greeting.
pub(super) fn connect(url: &str) -> Outcome<handshake::Client> {
    let mut seen = String::new();
    // A site notices only now that an earlier Redis is gone, and drops whoever comes first.
    for _ in 0..4 {
        match handshake::open(url, &[])? {
            Err(answer) => seen = answer.words(),
            Ok(mut client) => match client.watch_for("conectado", Duration::from_secs(4))? {
                Then::Open(heard) if heard.contains("conectado") => return Ok(client),
                other @ (Then::Open(_) | Then::Closed(..) | Then::Cut) => seen = format!("{other:?}"),
            },
        }
    }
    Err(not_broken("a greeting", &seen))
}
