//! Channel layers that are missing, cannot work, or are deaf without a sign.

use std::time::Duration;

use charla_ground::Outcome;
use charla_ground::process::{self, free_port};
use rustix::process::Signal;

use crate::handshake::Then;
use crate::lab::Lab;
use crate::scenario::redis::{connect, prove_cut};
use crate::scenario::{Case, Family, Way, not_broken, prove_status};
use crate::stack::django::{Serve, Server, Settings, Site, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::{Redis, prove};

const IN_MEMORY: &str =
    "CHANNEL_LAYERS = {\"default\": {\"BACKEND\": \"channels.layers.InMemoryChannelLayer\"}}";

pub(super) fn family() -> Family {
    let mut family = Family::new("layer");
    for kind in [Server::Uvicorn, Server::Daphne] {
        family.broken(
            format!("layer-missing-{}", kind.name()),
            "`CHANNEL_LAYERS` is empty",
            &["channel_layer_missing"],
            move |lab| {
                let site = Site::furnish(lab, &Settings::layer("CHANNEL_LAYERS = {}"))?;
                let app = Serve::on(kind, free_port()?, "").start(&site)?;
                let proof = prove_status(&app.good(), &[], 500)?;
                Ok(Case::url(&app.good(), proof).keep(app))
            },
        );
    }
    family.opens(
        "layer-in-memory-two-workers",
        "the in-memory layer with two workers: half of the chat hears nothing",
        &["channel_layer_in_memory"],
        in_memory,
    );
    for way in [Way::Direct, Way::Nginx] {
        family.opens(
            format!("redis-client-timeout{}", way.suffix()),
            "redis-py 8 with a `hosts` line from the tutorial: idle connections die after 5 s",
            &["redis_client_timeout"],
            move |lab| client_timeout(lab, way),
        );
    }
    family.opens(
        "layer-other-prefix",
        "two servers of one site, one started with another `prefix`",
        &["channel_layer_mismatch"],
        |lab| mismatch(lab, |serve| serve.with("CHANNEL_PREFIX", "chat")),
    );
    family.opens(
        "layer-other-database",
        "two servers of one site, one started on Redis' database 1",
        &["channel_layer_mismatch"],
        |lab| {
            mismatch(lab, |mut serve| {
                for (_, address) in serve
                    .variables
                    .iter_mut()
                    .filter(|(name, _)| *name == "REDIS_URL")
                {
                    *address = address.trim_end_matches('0').to_owned() + "1";
                }
                serve
            })
        },
    );
    family.opens(
        "layer-full",
        "a second server of the site is frozen, and its mailbox is full",
        &["channel_layer_full"],
        full,
    );
    family.opens(
        "redis-output-buffer",
        "Redis dropped a subscriber that did not read",
        &["redis_output_buffer"],
        output_buffer,
    );
    family
}

/// Six sockets on two workers: one's message reaches some of them.
fn in_memory(lab: &mut Lab) -> Outcome<Case> {
    let site = Site::furnish(lab, &Settings::layer(IN_MEMORY))?;
    let mut app = Serve::on(Server::Uvicorn, free_port()?, "")
        .and(&["--workers", "2"])
        .start(&site)?;
    let url = app.good();
    // The port is open before the workers are.
    app.running.wait_for_count("Application startup complete", 2)?;
    // Who accepts is the kernel's choice: of connections that come at once each worker gets some.
    let mut clients = vec![connect(&url)?];
    for _ in 0..3 {
        let coming: Vec<_> = (0..12)
            .map(|_| {
                let url = url.clone();
                std::thread::spawn(move || connect(&url))
            })
            .collect();
        clients.extend(coming.into_iter().filter_map(|one| one.join().ok()?.ok()));
    }
    if let Some(first) = clients.first_mut() {
        first.say(r#"{"texto": "hola"}"#)?;
    }
    let mut deaf = 0;
    for client in &mut clients {
        if matches!(client.watch(Duration::from_millis(300))?, Then::Open(heard) if !heard.contains("hola")) {
            deaf += 1;
        }
    }
    if deaf == 0 || deaf == clients.len() {
        return Err(not_broken(
            "some that hear and some that do not",
            &format!("{deaf} of {} deaf", clients.len()),
        ));
    }
    Ok(Case::url(
        &url,
        format!(
            "a message reached {} of {} connections",
            clients.len() - deaf,
            clients.len()
        ),
    )
    .keep(app))
}

fn client_timeout(lab: &mut Lab, way: Way) -> Outcome<Case> {
    let redis = Redis::start(lab, free_port()?, &[])?;
    let site = Site::furnish(
        lab,
        &Settings::hosts(&format!("[(\"127.0.0.1\", {})]", redis.port)),
    )?;
    let app = Serve::on(Server::Uvicorn, free_port()?, "").start(&site)?;
    let front = free_port()?;
    let nginx = Nginx::start(
        lab,
        Frame::PLAIN,
        &server(front, &location(app.port, UPGRADE)),
        front,
    )?;
    let url = match way {
        Way::Direct => app.good(),
        Way::Nginx => url(front, &good()),
    };
    let proof = prove_cut(&url)? + " 5 s later";
    Ok(Case::url(&url, proof).keep(nginx).keep(app).keep(redis))
}

/// A layer whose address and prefix come from the environment.
const VARIABLE: &str = r#"CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}],
            "prefix": os.environ.get("CHANNEL_PREFIX", "asgi"),
        },
    },
}"#;

/// Two servers, each with a socket in chat 5, that do not hear each other.
fn mismatch(lab: &mut Lab, other: impl Fn(Serve) -> Serve) -> Outcome<Case> {
    let redis = Redis::start(lab, free_port()?, &[])?;
    let site = Site::furnish(lab, &Settings::layer(VARIABLE))?;
    let one = Serve::on(Server::Uvicorn, free_port()?, &redis.url()).start(&site)?;
    let two = other(Serve::on(Server::Uvicorn, free_port()?, &redis.url())).start(&site)?;
    let mut speaker = connect(&two.good())?;
    let mut listener = connect(&one.good())?;
    speaker.say(r#"{"texto": "hola"}"#)?;
    let proof = match listener.watch(Duration::from_secs(1))? {
        Then::Open(heard) if heard.is_empty() => {
            "a message of one server's client does not reach the other's".to_owned()
        }
        other @ (Then::Open(_) | Then::Closed(..) | Then::Cut) => {
            return Err(not_broken("silence", &format!("{other:?}")));
        }
    };
    Ok(Case::url(&one.good(), proof)
        .keep(speaker)
        .keep(listener)
        .keep(two)
        .keep(one)
        .keep(redis))
}

fn full(lab: &mut Lab) -> Outcome<Case> {
    let redis = Redis::start(lab, free_port()?, &[])?;
    let site = Site::furnish(lab, &Settings::PLAIN)?;
    let serve = Serve::on(Server::Uvicorn, free_port()?, &redis.url());
    let app = serve.start(&site)?;
    let second = Serve {
        port: free_port()?,
        ..serve
    };
    let second = second.start(&site)?;
    let listener = connect(&second.good())?;
    second.running.signal(Signal::STOP)?;
    let said = site.run_with(&["publish.py", "150", "10"], &[("REDIS_URL", &redis.url())])?;
    let proof = said
        .lines()
        .find(|line| line.contains("over capacity"))
        .unwrap_or_default()
        .to_owned();
    if proof.is_empty() {
        return Err(not_broken("over capacity", &said));
    }
    Ok(Case::url(&app.good(), proof)
        .keep(listener)
        .keep(second)
        .keep(app)
        .keep(redis))
}

/// A frozen server that listens, and more published than its output buffer takes.
fn output_buffer(lab: &mut Lab) -> Outcome<Case> {
    let redis = Redis::start(
        lab,
        free_port()?,
        &["--client-output-buffer-limit", "pubsub 64kb 32kb 1"],
    )?;
    let site = Site::furnish(lab, &Settings::pubsub(&redis.url()))?;
    let app = Serve::on(Server::Uvicorn, free_port()?, "").start(&site)?;
    let listener = connect(&app.good())?;
    app.running.signal(Signal::STOP)?;
    site.run(&["publish.py", "400", "40000"])?;
    let proof = process::wait_for_words(redis.running.log(), "output buffer limits")?;
    app.running.signal(Signal::CONT)?;
    let proof = proof
        .split_once("# ")
        .map_or(proof.clone(), |(_, said)| said.to_owned());
    prove(redis.port, &["PING"], "PONG")?;
    prove_status(&app.good(), &[], 101)?;
    let short: String = proof
        .rsplit("scheduled")
        .next()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    // Redis 7.0 counts this nowhere: only its own log tells.
    Ok(Case::url(&app.good(), format!("Redis' log: scheduled{short}"))
        .log(redis.running.log())
        .keep(listener)
        .keep(app)
        .keep(redis))
}
