//! What a command line says: which server it is, what it serves, where it listens and with which limits.
//!
//! Pure. Options and defaults are those of uvicorn 0.54, daphne 4.2, hypercorn 0.17 and gunicorn 23, by their `--help`.

use crate::evidence::{Kind, ProcessSeen};

/// A command line, understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Command {
    /// What it is.
    pub kind: Kind,
    /// The application: `project.asgi:application`.
    pub module: Option<String>,
    /// The host that it is to listen on.
    pub host: Option<String>,
    /// The port that it is to listen on, also when it is the server's default.
    pub port: Option<u16>,
    /// The Unix socket that it is to listen on.
    pub unix: Option<String>,
    /// `--app-dir` or `--chdir`.
    pub app_folder: Option<String>,
    /// The configuration file it names: gunicorn's, Charla's.
    pub config: Option<String>,
    /// `--env-file`.
    pub env_file: Option<String>,
    /// `--ws`: the WebSocket library uvicorn is told to use.
    pub websockets: Option<String>,
    /// The interpreter, where a script is run by one.
    pub interpreter: Option<String>,
    /// Whether the worker's class could be told from the command line (gunicorn).
    pub worker_class: Option<String>,
    options: Vec<(String, String)>,
}

impl Command {
    /// Reads an `argv`.
    #[must_use]
    pub fn read(argv: &[String]) -> Self {
        let program = Program::of(argv);
        let options = options(program.rest);
        let mut command = Self {
            kind: kind(&program, &options),
            interpreter: program.interpreter.map(str::to_owned),
            options,
            ..Self::default()
        };
        command.fill(program.rest);
        command
    }

    /// The value of an option by any of its names; the last one given counts.
    #[must_use]
    pub fn option(&self, names: &[&str]) -> Option<&str> {
        let given = self.options.iter().rev();
        let mut given = given.filter(|(name, _)| names.contains(&name.as_str()));
        given.next().map(|(_, value)| value.as_str())
    }

    /// As [`option`](Self::option), from the environment where the command line is silent: uvicorn reads
    /// `UVICORN_LOG_LEVEL` for `--log-level`.
    #[must_use]
    pub fn setting<'a>(
        &'a self,
        name: &str,
        environment: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<&'a str> {
        self.option(&[name]).or_else(|| {
            let variable = name.trim_start_matches('-').replace('-', "_").to_uppercase();
            let prefix = match self.kind {
                Kind::Uvicorn => "UVICORN_",
                Kind::Daphne
                | Kind::Hypercorn
                | Kind::GunicornAsgi
                | Kind::GunicornWsgi
                | Kind::Runserver
                | Kind::Charla
                | Kind::Node
                | Kind::Nginx
                | Kind::Redis
                | Kind::Postgres
                | Kind::Other => return None,
            };
            environment(&format!("{prefix}{variable}"))
        })
    }

    fn fill(&mut self, rest: &[String]) {
        self.config = self.option(&["--config", "-c"]).map(str::to_owned);
        self.websockets = self.option(&["--ws"]).map(str::to_owned);
        self.env_file = self.option(&["--env-file"]).map(str::to_owned);
        self.app_folder = self.option(&["--app-dir", "--chdir"]).map(str::to_owned);
        self.worker_class = self.option(&["--worker-class", "-k"]).map(str::to_owned);
        self.module = rest.iter().find(|word| names_application(word)).cloned();
        match self.kind {
            Kind::Uvicorn => {
                self.unix = self.option(&["--uds"]).map(str::to_owned);
                self.host = Some(self.option(&["--host"]).unwrap_or("127.0.0.1").to_owned());
                self.port = self.number(&["--port"]).or(Some(8000));
            }
            Kind::Daphne => {
                self.unix = self.option(&["--unix-socket", "-u"]).map(str::to_owned);
                self.host = Some(self.option(&["--bind", "-b"]).unwrap_or("127.0.0.1").to_owned());
                self.port = self.number(&["--port", "-p"]).or(Some(8000));
            }
            Kind::Hypercorn | Kind::GunicornAsgi | Kind::GunicornWsgi => {
                let bind = self
                    .option(&["--bind", "-b"])
                    .unwrap_or("127.0.0.1:8000")
                    .to_owned();
                self.bind(&bind);
            }
            Kind::Runserver => {
                let at = rest.iter().skip_while(|word| *word != "runserver").skip(1);
                let at = at.clone().find(|word| !word.starts_with('-'));
                let at = at.map_or("127.0.0.1:8000", String::as_str).to_owned();
                self.bind(&if at.contains(':') {
                    at
                } else {
                    format!("127.0.0.1:{at}")
                });
            }
            Kind::Charla => {
                if let Some(listen) = self.option(&["--listen"]).map(str::to_owned) {
                    self.bind(&listen);
                }
            }
            Kind::Node | Kind::Nginx | Kind::Redis | Kind::Postgres | Kind::Other => {}
        }
    }

    fn bind(&mut self, bind: &str) {
        if let Some(path) = bind.strip_prefix("unix:") {
            self.unix = Some(path.to_owned());
        } else if let Some((host, port)) = bind.rsplit_once(':') {
            self.host = Some(host.to_owned());
            self.port = port.parse().ok();
        }
    }

    fn number<T: std::str::FromStr>(&self, names: &[&str]) -> Option<T> {
        self.option(names)?.parse().ok()
    }

    /// Fills in what command line and environment say of the server's limits, with its own defaults.
    pub fn limits<'a>(
        &'a self,
        process: &mut ProcessSeen,
        environment: impl Fn(&str) -> Option<&'a str> + Copy,
    ) {
        let seconds = |name: &str| self.setting(name, environment)?.parse::<f64>().ok();
        let count = |name: &str| self.setting(name, environment)?.parse::<u64>().ok();
        match self.kind {
            Kind::Uvicorn => {
                process.ping_interval_s = seconds("--ws-ping-interval").or(Some(20.0));
                process.ping_timeout_s = seconds("--ws-ping-timeout").or(Some(20.0));
                process.max_message = count("--ws-max-size").or(Some(16 * 1024 * 1024));
                process.limit_concurrency = count("--limit-concurrency");
                process.limit_requests = count("--limit-max-requests");
                process.backlog = count("--backlog").or(Some(2048));
            }
            Kind::Daphne => {
                process.ping_interval_s = seconds("--ping-interval").or(Some(20.0));
                process.ping_timeout_s = seconds("--ping-timeout").or(Some(30.0));
                process.max_message = count("--websocket-max-message-size");
                // Twisted's default.
                process.backlog = Some(50);
            }
            Kind::Hypercorn => {
                process.ping_interval_s = seconds("--websocket-ping-interval");
                process.max_message = Some(16 * 1024 * 1024);
                process.backlog = count("--backlog").or(Some(100));
            }
            // uvicorn's worker takes uvicorn's defaults; its options cannot be given on gunicorn's command line.
            Kind::GunicornAsgi => {
                process.ping_interval_s = Some(20.0);
                process.ping_timeout_s = Some(20.0);
                process.max_message = Some(16 * 1024 * 1024);
                process.limit_requests = count("--max-requests");
                process.backlog = count("--backlog").or(Some(2048));
            }
            Kind::GunicornWsgi => process.backlog = count("--backlog").or(Some(2048)),
            Kind::Runserver
            | Kind::Charla
            | Kind::Node
            | Kind::Nginx
            | Kind::Redis
            | Kind::Postgres
            | Kind::Other => {}
        }
        let workers = self
            .option(&["--workers", "-w"])
            .or_else(|| environment("WEB_CONCURRENCY"));
        process.workers = workers.and_then(|workers| workers.parse().ok());
        process.log_level = self.setting("--log-level", environment).map(str::to_owned);
    }
}

/// The program behind interpreters and their flags.
struct Program<'a> {
    /// Its name without folder and `.py`; of a module run by `-m`, the module.
    name: &'a str,
    /// What comes after it.
    rest: &'a [String],
    interpreter: Option<&'a str>,
}

impl<'a> Program<'a> {
    fn of(argv: &'a [String]) -> Self {
        let Some((first, rest)) = argv.split_first() else {
            return Self {
                name: "",
                rest: &[],
                interpreter: None,
            };
        };
        let name = base(first);
        let interpreted = ["python", "pypy"].iter().any(|start| name.starts_with(start));
        if !interpreted {
            return Self {
                name,
                rest,
                interpreter: None,
            };
        }
        let mut words = rest;
        while let Some((word, after)) = words.split_first() {
            words = match word.as_str() {
                "-m" => {
                    let Some((module, after)) = after.split_first() else {
                        break;
                    };
                    let name = module.strip_suffix(".__main__").unwrap_or(module);
                    return Self {
                        name,
                        rest: after,
                        interpreter: Some(first),
                    };
                }
                // Flags with a value of their own.
                "-X" | "-W" => after.get(1..).unwrap_or_default(),
                "-c" => break,
                flag if flag.starts_with('-') => after,
                script => {
                    return Self {
                        name: base(script),
                        rest: after,
                        interpreter: Some(first),
                    };
                }
            };
        }
        Self {
            name,
            rest,
            interpreter: Some(first),
        }
    }
}

fn base(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").unwrap_or(name)
}

fn kind(program: &Program<'_>, options: &[(String, String)]) -> Kind {
    let given = |names: &[&str]| {
        let mut given = options
            .iter()
            .rev()
            .filter(|(name, _)| names.contains(&name.as_str()));
        given.next().map(|(_, value)| value.as_str())
    };
    let name = program.name;
    match name {
        "uvicorn" => Kind::Uvicorn,
        "daphne" => Kind::Daphne,
        "hypercorn" => Kind::Hypercorn,
        "gunicorn" => match given(&["--worker-class", "-k"]) {
            Some(class) if is_asgi_worker(class) => Kind::GunicornAsgi,
            Some(_) | None => Kind::GunicornWsgi,
        },
        // This doctor, a terminal chat and the like serve nobody.
        "charla" if program.rest.iter().any(|word| word == "serve" || word == "demo") => Kind::Charla,
        "node" | "nodejs" | "bun" | "deno" => Kind::Node,
        "postgres" => Kind::Postgres,
        _ if name.starts_with("gunicorn:") => titled(name),
        _ if name.starts_with("nginx") => Kind::Nginx,
        _ if name.starts_with("redis-server") || name.starts_with("valkey-server") => Kind::Redis,
        _ if name.starts_with("postgres:") => Kind::Postgres,
        // `manage.py`, `django-admin`, `python -m django`
        _ if program.rest.first().is_some_and(|word| word == "runserver") => Kind::Runserver,
        _ => Kind::Other,
    }
}

/// `gunicorn: master [project.asgi:application]`, as setproctitle leaves it: options are gone, so only a name tells.
fn titled(title: &str) -> Kind {
    if title.contains("asgi") {
        Kind::GunicornAsgi
    } else {
        Kind::Other
    }
}

/// Whether a gunicorn worker speaks ASGI.
#[must_use]
pub fn is_asgi_worker(class: &str) -> bool {
    let class = class.to_lowercase();
    ["uvicorn", "asgi", "hypercorn", "daphne"]
        .iter()
        .any(|part| class.contains(part))
}

/// The worker class in a configuration file of gunicorn (`worker_class = "..."`), or in `GUNICORN_CMD_ARGS`.
#[must_use]
pub fn worker_class_in(file: &str, arguments: &str) -> Option<String> {
    let set = file.lines().rev().find_map(|line| {
        let value = line
            .trim()
            .strip_prefix("worker_class")?
            .trim_start()
            .strip_prefix('=')?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    });
    let words: Vec<String> = arguments.split_ascii_whitespace().map(str::to_owned).collect();
    let given = options(&words)
        .into_iter()
        .rev()
        .find(|(name, _)| name == "--worker-class" || name == "-k");
    given.map(|(_, value)| value).or(set)
}

/// `--name value` and `--name=value`, `-n value`; a flag without value has an empty one.
fn options(words: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            continue;
        }
        if let Some((name, value)) = word.split_once('=') {
            found.push((name.to_owned(), value.to_owned()));
            continue;
        }
        let value = words.next_if(|next| !next.starts_with('-') || next.parse::<f64>().is_ok());
        found.push((word.clone(), value.cloned().unwrap_or_default()));
    }
    found
}

/// `package.module:attribute`, with nothing of an address or a path.
fn names_application(word: &str) -> bool {
    let Some((module, attribute)) = word.split_once(':') else {
        return false;
    };
    let part = |part: &str| {
        let mut characters = part.chars();
        characters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|character| character.is_alphanumeric() || character == '_')
    };
    let attribute = attribute.trim_end_matches("()");
    module.split('.').all(part) && attribute.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Command {
        let argv: Vec<String> = line.split('|').map(str::to_owned).collect();
        Command::read(&argv)
    }

    #[test]
    fn servers_are_told_by_their_command_line() {
        let known = [
            (
                "/srv/venv/bin/python|-m|uvicorn|a.asgi:application|--port|9001",
                Kind::Uvicorn,
            ),
            (
                "/srv/venv/bin/python3.11|/srv/venv/bin/uvicorn|a.asgi:application",
                Kind::Uvicorn,
            ),
            (
                "python|-u|-X|dev|-m|daphne|-p|9001|a.asgi:application",
                Kind::Daphne,
            ),
            (
                "/usr/bin/python3|/usr/bin/daphne|-u|/run/d.sock|a.asgi:application",
                Kind::Daphne,
            ),
            ("python|/v/bin/gunicorn|a.wsgi|-w|4", Kind::GunicornWsgi),
            (
                "python|/v/bin/gunicorn|a.asgi:application|-k|uvicorn_worker.UvicornWorker",
                Kind::GunicornAsgi,
            ),
            (
                "python|/v/bin/gunicorn|a.asgi|--worker-class=uvicorn.workers.UvicornWorker",
                Kind::GunicornAsgi,
            ),
            ("gunicorn: master [shop.wsgi]", Kind::Other),
            ("python|/v/bin/hypercorn|a:app|-b|0.0.0.0:9001", Kind::Hypercorn),
            ("python|manage.py|runserver|0.0.0.0:9001", Kind::Runserver),
            ("python|-m|django|runserver", Kind::Runserver),
            (
                "/usr/local/bin/charla|serve|--listen|127.0.0.1:9001",
                Kind::Charla,
            ),
            ("node|/srv/server.js", Kind::Node),
            ("nginx: master process nginx", Kind::Nginx),
            ("redis-server 127.0.0.1:6379", Kind::Redis),
            (
                "/usr/lib/postgresql/15/bin/postgres|-D|/var/lib/postgresql/15/main",
                Kind::Postgres,
            ),
            ("grep|uvicorn", Kind::Other),
            ("/bin/sh|-c|uvicorn a:app", Kind::Other),
            ("python|-c|import uvicorn", Kind::Other),
            ("", Kind::Other),
        ];
        for (line, kind) in known {
            assert_eq!(read(line).kind, kind, "{line}");
        }
    }

    #[test]
    fn addresses_are_read_with_the_servers_defaults() {
        let uvicorn = read("python|-m|uvicorn|--host=0.0.0.0|a.b.asgi:application|--port=9001");
        assert_eq!(
            (uvicorn.port, uvicorn.host.as_deref()),
            (Some(9001), Some("0.0.0.0"))
        );
        assert_eq!(uvicorn.module.as_deref(), Some("a.b.asgi:application"));
        assert_eq!(read("uvicorn|a:app").port, Some(8000));
        assert_eq!(read("python|manage.py|runserver").port, Some(8000));
        assert_eq!(
            read("python|manage.py|runserver|9001|--noreload").port,
            Some(9001)
        );
        assert_eq!(read("gunicorn|a:app|-b|127.0.0.1:9001").port, Some(9001));
        assert_eq!(
            read("gunicorn|a:app|--bind=unix:/run/a.sock").unix.as_deref(),
            Some("/run/a.sock")
        );
        assert_eq!(
            read("daphne|-b|0.0.0.0|-p|9001|a.asgi:application")
                .module
                .as_deref(),
            Some("a.asgi:application")
        );
    }

    #[test]
    fn limits_come_from_options_then_environment_then_defaults() {
        let command = read("uvicorn|a:app|--ws-ping-interval|300|--log-level=warning");
        let mut process = ProcessSeen::default();
        command.limits(&mut process, |name| {
            (name == "UVICORN_WS_MAX_SIZE").then_some("1000")
        });
        assert_eq!(process.ping_interval_s, Some(300.0));
        assert_eq!(process.ping_timeout_s, Some(20.0));
        assert_eq!(process.max_message, Some(1000));
        assert_eq!(process.log_level.as_deref(), Some("warning"));
    }
}
