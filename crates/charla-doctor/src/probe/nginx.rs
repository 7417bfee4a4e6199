//! The nginx in front: found by the port it listens on, its configuration read from where that process has it.
//!
//! Reads files and /proc, and runs nothing but `nginx -V` (which prints how it was built) and, where no path is known,
//! `nginx -T` (which prints the configuration): both only from a program that nobody but root or this user may write.

mod disk;
mod process;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::evidence::{Found, NginxLog, NginxSeen, Skipped, SourceKind, Target};
use crate::nginx::{Config, Defaults, Dump, Request, seen};
use crate::plan::Wanted;
use crate::probe::sockets::Listening;
use crate::text::{Text, both};

use disk::Disk;
use process::{Build, Running};

/// How long reading the configuration may take, commands included.
const WITHIN: Duration = Duration::from_millis(1_200);
/// Where distributions keep it.
const USUAL: [&str; 3] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
];

/// What is known before.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The address that was connected to, where it is known.
    pub address: Option<IpAddr>,
    /// Everything that listens on this machine.
    pub listening: Vec<Listening>,
    /// The doctor's own command line, redacted, to be run again with `sudo`.
    pub again: String,
}

/// What was seen of nginx, and what it leads to.
#[derive(Debug, Default)]
pub struct Looked {
    /// None where no nginx has a part in this.
    pub seen: Option<NginxSeen>,
    /// What could not be looked at.
    pub skipped: Vec<Skipped>,
    /// Where the configuration came from.
    pub found: Vec<Found>,
    /// Logs to read: those in force for the path, where they may be read.
    pub logs: Vec<(PathBuf, Option<SourceKind>)>,
}

/// Looks at the nginx that serves a target, or at the configuration that was given.
pub async fn look(wanted: &Wanted, target: &Target, known: &Known) -> Looked {
    let (wanted, target, known) = (wanted.clone(), target.clone(), known.clone());
    let again = known.again.clone();
    let looking = tokio::task::spawn_blocking(move || {
        Look {
            wanted: &wanted,
            target: &target,
            known: &known,
            out: Looked::default(),
        }
        .look()
    });
    match tokio::time::timeout(WITHIN * 2, looking).await {
        Ok(Ok(looked)) => looked,
        Ok(Err(_)) | Err(_) => Looked {
            skipped: vec![Skipped {
                what: both!("nginx' configuration", "la configuración de nginx"),
                why: both!("reading it took too long", "leerla tardó demasiado"),
                try_this: Some(format!("sudo {again}")),
            }],
            ..Looked::default()
        },
    }
}

struct Look<'a> {
    wanted: &'a Wanted,
    target: &'a Target,
    known: &'a Known,
    out: Looked,
}

/// A configuration and where it came from.
struct Source {
    config: Config,
    from: Text,
    /// The newest change of any of its files, in seconds since 1970, and that file.
    changed: Option<(f64, String)>,
}

impl Look<'_> {
    fn look(mut self) -> Looked {
        let running = process::find(self.target, &self.known.listening);
        let build = running.as_ref().and_then(Running::build).unwrap_or_default();
        if let Some(source) = self.source(running.as_ref(), &build) {
            self.resolve(source, running.as_ref(), &build);
        }
        for path in &self.wanted.nginx_logs {
            self.out.logs.push((path.clone(), None));
        }
        self.out
    }

    /// In this order: what was given, the file of the process that listens, `nginx -T`, the usual places.
    fn source(&mut self, running: Option<&Running>, build: &Build) -> Option<Source> {
        if let Some(path) = &self.wanted.nginx_conf {
            return Some(from_file(
                Path::new("/"),
                path,
                both!("`--nginx-conf`", "`--nginx-conf`"),
            ));
        }
        let Some(running) = running else {
            // A port on which nobody listens may be one that an nginx that is down should have.
            let nobody = self.target.local
                && !self
                    .known
                    .listening
                    .iter()
                    .any(|listening| listening.port() == Some(self.target.port));
            let path = USUAL
                .iter()
                .map(Path::new)
                .find(|path| nobody && path.is_file())?;
            return Some(from_file(
                Path::new("/"),
                path,
                both!("the usual place", "el lugar habitual"),
            ))
            .filter(|source| self.listens(&source.config));
        };
        let pid = running.pid;
        if let Some(path) = running.config(build) {
            let source = from_file(
                &running.root,
                &path,
                both!("the nginx with pid {pid}", "el nginx con pid {pid}"),
            );
            if !source.config.root.children().is_empty() {
                return Some(source);
            }
            self.skip(&path, source.config.errors.first());
            return None;
        }
        if let Some(printed) = running.printed() {
            return Dump::parse(&printed).map(|dump| Source {
                config: Config::of_dump(dump),
                from: Text::same("nginx -T"),
                changed: None,
            });
        }
        let path = USUAL.iter().map(Path::new).find(|path| path.exists())?;
        let source = from_file(&running.root, path, both!("the usual place", "el lugar habitual"));
        if source.config.root.children().is_empty() {
            self.skip(path, source.config.errors.first());
            return None;
        }
        Some(source)
    }

    fn listens(&self, config: &Config) -> bool {
        let request = self.request();
        let seen = seen(config, "", &request, &Defaults::default());
        // A server found by its name alone has no `listen` on this port.
        let port = format!("{}", self.target.port);
        let servers = config.http().named("server");
        let mut listens = servers.flat_map(|server| server.named("listen"));
        !seen.server_at.is_empty()
            && listens.any(|listen| listen.arg(0).rsplit(':').next() == Some(port.as_str()))
    }

    fn request(&self) -> Request<'_> {
        Request {
            secure: self.target.secure,
            host: &self.target.host,
            port: self.target.port,
            address: self.known.address,
            path: &self.target.path,
            origin: &self.target.origin,
        }
    }

    fn resolve(&mut self, source: Source, running: Option<&Running>, build: &Build) {
        let prefix = running
            .and_then(|running| running.prefix.clone())
            .or_else(|| build.prefix.clone());
        let mut defaults = Defaults {
            version: build.version.as_deref(),
            ..Defaults::default()
        };
        defaults.prefix = prefix.as_deref().unwrap_or(defaults.prefix);
        let error_log = running
            .and_then(|running| running.error_log.as_deref())
            .or(build.error_log.as_deref());
        defaults.error_log = error_log.unwrap_or(defaults.error_log);
        defaults.access_log = build.access_log.as_deref().unwrap_or(defaults.access_log);
        let mut seen = seen(&source.config, &source.config.main, &self.request(), &defaults);
        let found = self
            .known
            .listening
            .iter()
            .any(|listening| listening.port() == Some(self.target.port));
        seen.running = match running {
            Some(_) => Some(true),
            None if self.target.local && !found => Some(false),
            None => None,
        };
        if let Some(running) = running {
            let workers = running.workers();
            seen.workers_shutting_down = workers.leaving;
            seen.connections = workers.connections;
            let stale = source
                .changed
                .filter(|(changed, _)| workers.youngest.is_some_and(|started| *changed > started + 2.0));
            seen.changed_since_load = stale.map(|(_, file)| file);
        }
        let main = &source.config.main;
        self.out.found.push(Found {
            what: both!("nginx' configuration {main}", "la configuración de nginx {main}"),
            from: source.from,
        });
        let unreadable: Vec<&String> = source
            .config
            .errors
            .iter()
            .filter(|error| error.contains("cannot "))
            .collect();
        if let Some(first) = unreadable.first() {
            self.skip(Path::new(main), Some(first));
        }
        let root = running.map_or_else(|| PathBuf::from("/"), |running| running.root.clone());
        let given = !self.wanted.nginx_logs.is_empty();
        for (log, kind) in [
            (&mut seen.error_log, SourceKind::NginxError),
            (&mut seen.access_log, SourceKind::NginxAccess),
        ] {
            if let Some(log) = log {
                self.out
                    .log(log, kind, &root, given || running.is_none(), &self.known.again);
            }
        }
        self.out.seen = Some(seen);
    }

    fn skip(&mut self, path: &Path, error: Option<&String>) {
        let path = path.display();
        let words = error.map_or("", String::as_str);
        self.out.skipped.push(Skipped {
            what: both!("nginx' configuration {path}", "la configuración de nginx {path}"),
            why: Text::same(words),
            try_this: Some(format!("sudo {}", self.known.again)),
        });
    }
}

impl Looked {
    fn log(&mut self, log: &mut NginxLog, kind: SourceKind, root: &Path, quiet: bool, again: &str) {
        if !log.path.starts_with('/') {
            return;
        }
        let path = crate::probe::proc::reach(root, Path::new(&log.path));
        if !path.exists()
            && path
                .parent()
                .is_some_and(|folder| std::fs::read_dir(folder).is_ok())
        {
            return;
        }
        match disk::is_readable(&path) {
            Ok(()) => {
                log.readable = true;
                self.logs.push((path, Some(kind)));
            }
            Err(_) if quiet => {}
            Err(error) => {
                let name = &log.path;
                self.skipped.push(Skipped {
                    what: both!("nginx' log {name}", "el registro de nginx {name}"),
                    why: Text::same(error),
                    try_this: Some(format!("sudo {again}")),
                });
            }
        }
    }
}

/// A main file, or a file with what `nginx -T` printed.
fn from_file(root: &Path, path: &Path, from: Text) -> Source {
    let mut disk = Disk::new(root);
    let name = std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string();
    let dump = disk::text(path).ok().and_then(|text| Dump::parse(&text));
    if let Some(dump) = dump {
        return Source {
            config: Config::of_dump(dump),
            from,
            changed: None,
        };
    }
    Source {
        config: Config::read(&name, &mut disk),
        from,
        changed: disk.changed(),
    }
}
