//! The fifth: the server is not there, not the right one, or not well.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use charla_ground::Outcome;
use charla_ground::process::{self, Running, free_port};
use rustix::process::Signal;

use crate::handshake::{Answer, Then};
use crate::lab::Lab;
use crate::scenario::redis::{connect, prove_cut};
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, Way, not_broken, prove_answer, prove_status};
use crate::stack::django::{Serve, Server, Settings, Site, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::Redis;

/// A site and its Redis, with nobody serving it yet.
pub(super) struct Idle {
    pub(super) redis: Redis,
    pub(super) site: Site,
    pub(super) port: u16,
}

impl Idle {
    pub(super) fn make(lab: &mut Lab) -> Outcome<Self> {
        Ok(Self {
            redis: Redis::start(lab, free_port()?, &[])?,
            site: Site::furnish(lab, &Settings::PLAIN)?,
            port: free_port()?,
        })
    }

    pub(super) fn serve(&self, kind: Server) -> Serve {
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
    }
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
        // A loop that does not come back at all is also a server that does not answer: from outside they are one thing.
        family.broken(name, how, &["event_loop_blocked", "server_frozen"], move |lab| {
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
