//! The fifth: the server is not there, not the right one, or not well.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::failure::{Failure, Outcome};
use crate::handshake::{self, Answer, SILENCE, Then};
use crate::lab::{KEY, Lab};
use crate::process::{self, Running, free_port};
use crate::scenario::permission::Tenants;
use crate::scenario::redis::{connect, prove_cut};
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, Way, not_broken, prove_answer, prove_status};
use crate::stack::django::{Serve, Server, Settings, Site, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::Redis;

/// A site and its Redis, with nobody serving it yet.
struct Idle {
    redis: Redis,
    site: Site,
    port: u16,
}

impl Idle {
    fn make(lab: &mut Lab) -> Outcome<Self> {
        Ok(Self {
            redis: Redis::start(lab, free_port()?, &[])?,
            site: Site::furnish(lab, &Settings::PLAIN)?,
            port: free_port()?,
        })
    }

    fn serve(&self, kind: Server) -> Serve {
        Serve::on(kind, self.port, &self.redis.url())
    }

    fn front(&self, lab: &mut Lab) -> Outcome<(Nginx, u16)> {
        let front = free_port()?;
        let nginx = Nginx::start(
            lab,
            Frame::PLAIN,
            &server(front, &location(self.port, UPGRADE)),
            front,
        )?;
        Ok((nginx, front))
    }
}

pub(super) fn family() -> Family {
    let mut family = Family::new("server");
    absent(&mut family);
    wrong(&mut family);
    unwell(&mut family);
    database(&mut family);
    exhausted(&mut family);
    crashing(&mut family);
    family
}

/// Not there.
fn absent(family: &mut Family) {
    family.broken(
        "server-down",
        "nothing serves the site",
        &["server_down"],
        |lab| {
            let idle = Idle::make(lab)?;
            let url = url(idle.port, &good());
            let proof = prove_answer(&url, &Answer::Refused)?;
            Ok(Case::url(&url, proof).keep(idle))
        },
    );
    family.broken(
        "server-down-nginx",
        "the same behind nginx",
        &["server_down"],
        |lab| {
            let idle = Idle::make(lab)?;
            let (nginx, front) = idle.front(lab)?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 502)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(idle))
        },
    );
    for kind in [Server::Uvicorn, Server::Daphne] {
        family.broken(
            format!("server-other-port-{}", kind.name()),
            "it listens on another port than the page asks",
            &["server_wrong_port"],
            move |lab| {
                let idle = Idle::make(lab)?;
                let app = idle.serve(kind).start(&idle.site)?;
                let url = url(free_port()?, &good());
                let proof = prove_answer(&url, &Answer::Refused)? + "; the server answers elsewhere";
                prove_status(&app.good(), &[], 101)?;
                Ok(Case::url(&url, proof).keep(app).keep(idle))
            },
        );
    }
    // What is left of a server that was killed is one that is down; its log says which, if anything does.
    family.broken(
        "server-killed-while-connected",
        "killed with -9 under an open connection",
        &["server_killed", "server_down"],
        |lab| gone(lab, true),
    );
    // Nothing that was asked to end comes back: a deploy that never finished is a server that is down.
    family.broken(
        "server-terminated-while-connected",
        "ended with SIGTERM under an open connection, and nobody started it again",
        &["server_down", "server_restarting"],
        |lab| gone(lab, false),
    );
}

fn gone(lab: &mut Lab, at_once: bool) -> Outcome<Case> {
    let idle = Idle::make(lab)?;
    let mut app = idle.serve(Server::Uvicorn).start(&idle.site)?;
    let mut client = connect(&app.good())?;
    if at_once {
        app.running.kill()?;
    } else {
        app.running.terminate()?;
    }
    let then = client.watch(Duration::from_secs(5))?;
    let seen = match (&then, at_once) {
        (Then::Cut, true) => "an open connection was cut without a close frame",
        (Then::Closed(1012, _), false) => "an open connection was closed with 1012",
        _ => return Err(not_broken("a cut", &format!("{then:?}"))),
    };
    let url = app.good();
    let proof = format!("{seen}; {}", prove_answer(&url, &Answer::Refused)?);
    Ok(Case::url(&url, proof).log(app.running.log()).keep(idle))
}

/// The wrong one.
fn wrong(family: &mut Family) {
    for kind in [Server::Uvicorn, Server::Daphne] {
        family.broken(
            format!("server-startup-error-{}", kind.name()),
            "the application does not import",
            &["server_startup_error"],
            move |lab| {
                let idle = Idle::make(lab)?;
                let mut app = idle
                    .serve(kind)
                    .module("tenants_backend.asgi_broken:application")
                    .spawn(&idle.site)?;
                app.running.wait_for_end()?;
                let proof = process::wait_for_words(app.running.log(), "chat.presencia")?;
                Ok(Case::url(&app.good(), proof).log(app.running.log()).keep(idle))
            },
        );
        family.broken(
            format!("no-websocket-route-{}", kind.name()),
            "asgi.py has no ProtocolTypeRouter",
            &["no_websocket_route"],
            move |lab| {
                let idle = Idle::make(lab)?;
                let app = idle
                    .serve(kind)
                    .module("tenants_backend.asgi_plain:application")
                    .start(&idle.site)?;
                let proof = prove_status(&app.good(), &[], 500)?;
                Ok(Case::url(&app.good(), proof).keep(app).keep(idle))
            },
        );
        family.broken(
            format!("route-without-slash-{}", kind.name()),
            "the address lacks its last slash",
            &["route_not_found"],
            move |lab| {
                let whole = Whole::shared(lab, kind)?;
                let url = whole.app.good().replace("/5/?", "/5?");
                let proof = prove_status(&url, &[], 500)?;
                Ok(Case::url(&url, proof).keep(whole))
            },
        );
    }
    routes(family);
}

/// An address that no route has.
fn routes(family: &mut Family) {
    family.broken(
        "route-other-path-nginx",
        "an address that no route has, through nginx",
        &["route_not_found"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = url(whole.front, &good()).replace("/ws/chat/", "/ws/soporte/");
            let proof = prove_status(&url, &[], 500)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
    family.broken(
        "route-chat-not-a-number",
        "the chat's id is a word",
        &["route_not_found"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = whole.app.good().replace("/chat/5/", "/chat/abc/");
            let proof = prove_status(&url, &[], 500)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
    other_servers(family);
}

/// Something else that answers.
fn other_servers(family: &mut Family) {
    for way in [Way::Direct, Way::Nginx] {
        family.broken(
            format!("no-websocket-library{}", way.suffix()),
            "uvicorn in an environment without `websockets` and `wsproto`",
            &["no_websocket_library"],
            move |lab| {
                let python = environment_without_library(lab)?;
                let idle = Idle::make(lab)?;
                let serve = Serve {
                    python: Some(python),
                    ..idle.serve(Server::Uvicorn)
                };
                let app = serve.start(&idle.site)?;
                let (nginx, front) = idle.front(lab)?;
                let url = url(if way == Way::Nginx { front } else { app.port }, &good());
                let proof = prove_status(&url, &[], 404)?;
                Ok(Case::url(&url, proof).keep(nginx).keep(app).keep(idle))
            },
        );
    }
    family.broken(
        "not-asgi-runserver",
        "Django's `runserver`, which is WSGI",
        &["not_asgi"],
        |lab| {
            let idle = Idle::make(lab)?;
            let app = idle.serve(Server::Runserver).start(&idle.site)?;
            let proof = prove_status(&app.good(), &[], 404)?;
            Ok(Case::url(&app.good(), proof).keep(app).keep(idle))
        },
    );
    family.broken(
        "port-in-use",
        "something else has the port, so uvicorn could not start",
        &["port_in_use"],
        |lab| {
            let idle = Idle::make(lab)?;
            let folder = lab.new_folder("other")?;
            let mut other = Command::new(&lab.python);
            other
                .args(["-m", "http.server", "--bind", "127.0.0.1", &idle.port.to_string()])
                .current_dir(&folder);
            let mut other = Running::start(&mut other, folder.join("other.log"))?;
            other.wait_for_port(idle.port)?;
            let mut app = idle.serve(Server::Uvicorn).spawn(&idle.site)?;
            app.running.wait_for_end()?;
            let proof = process::wait_for_words(app.running.log(), "address already in use")?;
            Ok(Case::url(&app.good(), proof)
                .log(app.running.log())
                .keep(other)
                .keep(idle))
        },
    );
}

/// A virtual environment that has everything of the lab's but what uvicorn speaks WebSocket with: its packages are linked
/// one by one.
fn environment_without_library(lab: &mut Lab) -> Outcome<PathBuf> {
    let made = lab.lasting("without-library", |lab| {
        let folder = lab.new_folder("venv")?;
        process::output(
            Command::new("python3")
                .args(["-m", "venv", "--without-pip"])
                .arg(&folder),
        )?;
        let packages = process::output(
            Command::new(&lab.python).args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]),
        )?;
        let own = process::output(
            Command::new(folder.join("bin/python"))
                .args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]),
        )?;
        for entry in std::fs::read_dir(packages.trim())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with("websockets") && !name.starts_with("wsproto") {
                std::os::unix::fs::symlink(entry.path(), PathBuf::from(own.trim()).join(name))?;
            }
        }
        Ok(folder.join("bin/python"))
    })?;
    Ok(made.as_ref().clone())
}

/// There, and not well.
fn unwell(family: &mut Family) {
    for (kind, way) in [
        (Server::Uvicorn, Way::Direct),
        (Server::Uvicorn, Way::Nginx),
        (Server::Daphne, Way::Direct),
    ] {
        let suffix = format!("{}{}", kind.name(), way.suffix());
        family.broken(
            format!("server-frozen-{suffix}"),
            "stopped in its tracks: it takes connections and never answers",
            &["server_frozen"],
            move |lab| {
                let whole = Whole::start(lab, kind, |serve| serve)?;
                whole.app.running.signal(Signal::STOP)?;
                let url = url(whole.port(way), &good());
                let proof = prove_answer(&url, &Answer::Silent)?;
                Ok(Case::url(&url, proof).keep(whole))
            },
        );
    }
    for (name, how, said) in [
        (
            "event-loop-blocked-waiting",
            "a consumer waits for something slow without `await`",
            r#"{"texto": "/esperar", "segundos": 60}"#,
        ),
        (
            "event-loop-blocked-computing",
            "a consumer computes without end",
            r#"{"texto": "/calcular", "segundos": 60}"#,
        ),
    ] {
        family.broken(name, how, &["event_loop_blocked"], move |lab| {
            let idle = Idle::make(lab)?;
            let mut app = idle.serve(Server::Uvicorn).start(&idle.site)?;
            // It would not hear anything else for a minute.
            app.running.end_by_force();
            let mut client = connect(&app.good())?;
            client.say(said)?;
            let proof = prove_answer(&app.good(), &Answer::Silent)?;
            Ok(Case::url(&app.good(), proof).keep(client).keep(app).keep(idle))
        });
    }
    raising(family);
}

/// Falls over.
fn raising(family: &mut Family) {
    for (kind, fault, how) in [
        (Server::Uvicorn, "fallar", "the consumer raises before it accepts"),
        (Server::Daphne, "fallar", "the same under daphne"),
        (
            Server::Uvicorn,
            "fallar_despues",
            "the consumer raises after it has accepted",
        ),
        (Server::Daphne, "fallar_despues", "the same under daphne"),
    ] {
        let name = if fault == "fallar" {
            "app-exception"
        } else {
            "app-exception-after-accept"
        };
        family.broken(
            format!("{name}-{}", kind.name()),
            how,
            &["app_exception"],
            move |lab| {
                let idle = Idle::make(lab)?;
                let app = idle.serve(kind).with("FALTA", fault).start(&idle.site)?;
                let proof = if fault == "fallar" {
                    prove_status(&app.good(), &[], 500)?
                } else {
                    prove_cut(&app.good())?
                };
                Ok(Case::url(&app.good(), proof).keep(app).keep(idle))
            },
        );
    }
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
