//! Servers that were well until something ran out, broke underneath them, or ended them again and again.

use std::process::Command;
use std::time::Duration;

use charla_ground::Failure;
use charla_ground::process::{self, Running, free_port};
use rustix::process::Signal;

use crate::handshake::{self, Answer, SILENCE};
use crate::lab::KEY;
use crate::scenario::permission::Tenants;
use crate::scenario::redis::connect;
use crate::scenario::server::Idle;
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, Way, not_broken, prove_status};
use crate::stack::django::{Serve, Server, Settings, Site, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::Redis;

pub(super) fn family() -> Family {
    let mut family = Family::new("breakdown");
    database(&mut family);
    exhausted(&mut family);
    crashing(&mut family);
    family
}

/// The database behind it.
fn database(family: &mut Family) {
    for way in [Way::Direct, Way::Nginx] {
        family.broken(
            format!("database-down{}", way.suffix()),
            "PostgreSQL was stopped",
            &["database_down"],
            move |lab| {
                let tenants = Tenants::start(lab)?;
                let front = free_port()?;
                let nginx = Nginx::start(
                    lab,
                    Frame::PLAIN,
                    &server(front, &location(tenants.app.port, UPGRADE)),
                    front,
                )?;
                drop(connect(&tenants.app.good())?);
                tenants.postgres.running.signal(Signal::QUIT)?;
                process::wait_for_words(tenants.postgres.running.log(), "database system is shut down")?;
                let url = url(
                    if way == Way::Nginx {
                        front
                    } else {
                        tenants.app.port
                    },
                    &good(),
                );
                let proof = prove_status(&url, &[], 500)?;
                Ok(Case::url(&url, proof).keep(nginx).keep(tenants))
            },
        );
    }
    family.broken(
        "database-empty-sqlite",
        "migrations were never applied",
        &["database_schema_missing"],
        |lab| {
            let redis = Redis::start(lab, free_port()?, &[])?;
            let site = Site::bare(lab, &Settings::PLAIN)?;
            let app = Serve::on(Server::Uvicorn, free_port()?, &redis.url()).start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app).keep(redis))
        },
    );
    family.broken(
        "database-empty-postgres",
        "the same in PostgreSQL",
        &["database_schema_missing"],
        |lab| {
            let postgres = crate::stack::postgres::Postgres::start(lab)?;
            let redis = Redis::start(lab, free_port()?, &[])?;
            let site = Site::bare(lab, &Settings::postgres(postgres.port))?;
            let app = Serve::on(Server::Uvicorn, free_port()?, &redis.url()).start(&site)?;
            let proof = prove_status(&app.good(), &[], 500)?;
            Ok(Case::url(&app.good(), proof).keep(app).keep(redis).keep(postgres))
        },
    );
}

/// Out of something.
fn exhausted(family: &mut Family) {
    for way in [Way::Direct, Way::Nginx] {
        family.broken(
            format!("descriptor-limit{}", way.suffix()),
            "uvicorn has as many descriptors open as it may",
            &["descriptor_limit"],
            move |lab| {
                let whole = Whole::start(lab, Server::Uvicorn, |serve| serve)?;
                // Everything that is opened on demand is open by now.
                drop(connect(&whole.app.good())?);
                whole.app.running.limit_descriptors(64)?;
                let held: Vec<_> = (0..64)
                    .map_while(|_| std::net::TcpStream::connect(("127.0.0.1", whole.app.port)).ok())
                    .collect();
                std::thread::sleep(Duration::from_millis(300));
                let url = url(whole.port(way), &good());
                let proof = match handshake::answer(&url, &[], SILENCE)? {
                    answer @ (Answer::Cut | Answer::Silent | Answer::Http(502, _)) => answer.words(),
                    other @ (Answer::Refused | Answer::Http(..)) => {
                        return Err(not_broken("no answer", &other.words()));
                    }
                };
                Ok(Case::url(&url, proof).keep(held).keep(whole))
            },
        );
    }
    // The loop that is too busy to accept is why the queue overflows: both are said honestly.
    family.broken(
        "accept-queue-overflow",
        "a queue of two, a third of a second for each handshake, and a crowd",
        &["accept_queue_overflow", "event_loop_blocked"],
        |lab| {
            let idle = Idle::make(lab)?;
            let app = idle
                .serve(Server::Uvicorn)
                .with("FALTA", "lento")
                .and(&["--backlog", "2"])
                .start(&idle.site)?;
            let crowd = Crowd::gather(&app.good());
            let before = overflows();
            std::thread::sleep(Duration::from_millis(2_500));
            let after = overflows();
            if after <= before {
                return Err(not_broken("overflows", &format!("{before} and {after}")));
            }
            Ok(Case::url(
                &app.good(),
                format!("the kernel counts {} overflows in 2.5 s", after - before),
            )
            .keep(crowd)
            .keep(app)
            .keep(idle))
        },
    );
}

/// Clients that come and come.
struct Crowd {
    is_over: std::sync::Arc<std::sync::atomic::AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Crowd {
    fn gather(url: &str) -> Self {
        let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let threads = (0..16)
            .map(|_| {
                let (url, is_over) = (url.to_owned(), std::sync::Arc::clone(&is_over));
                std::thread::spawn(move || {
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        let _ = handshake::answer(&url, &[], Duration::from_millis(800));
                    }
                })
            })
            .collect();
        Self { is_over, threads }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// `ListenOverflows`.
fn overflows() -> u64 {
    let text = process::read(std::path::Path::new("/proc/net/netstat"));
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut both = names.split(' ').zip(values.split(' '));
    both.find(|(name, _)| *name == "ListenOverflows")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0)
}

/// Comes back, and falls again.
fn crashing(family: &mut Family) {
    family.broken("restart-loop", "its process ends a second after each start, and is started again", &["restart_loop"], |lab| {
        let idle = Idle::make(lab)?;
        let script = format!(
            "while true; do \"$0\" -m uvicorn tenants_backend.asgi_dying:application --host 127.0.0.1 --port {}; sleep 0.3; done",
            idle.port
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(&lab.python).current_dir(&idle.site.folder);
        command.env("DJANGO_SECRET_KEY", KEY).env("REDIS_URL", idle.redis.url()).env("PYTHONUNBUFFERED", "1");
        let log = idle.site.folder.join("uvicorn.log");
        let loop_ = Running::start(&mut command, log.clone())?;
        let started = || process::read(&log).matches("Started server process").count();
        let deadline = std::time::Instant::now() + Duration::from_secs(40);
        while started() < 4 {
            if std::time::Instant::now() > deadline {
                return Err(Failure::NotStarted("it did not start four times".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let proof = format!("the log tells of {} starts", started());
        let case = Case::url(&url(idle.port, &good()), proof).log(&log);
        Ok(case.keep(loop_).keep(idle))
    });
}
