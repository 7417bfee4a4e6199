//! The Django project under uvicorn, daphne or `runserver`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::Outcome;
use charla_ground::process::{self, Running, output};

use crate::jwt::Token;
use crate::lab::{KEY, Lab};

/// What serves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Server {
    Uvicorn,
    Daphne,
    Runserver,
}

impl Server {
    /// Its name in a scenario's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uvicorn => "uvicorn",
            Self::Daphne => "daphne",
            Self::Runserver => "runserver",
        }
    }
}

/// Lines of the settings that replace those between two marks.
pub(crate) struct Settings {
    /// `CHANNEL_LAYERS`.
    pub(crate) layer: Option<String>,
    /// `DATABASES`.
    pub(crate) databases: Option<String>,
}

impl Settings {
    /// As the project has them: the core layer, SQLite.
    pub(crate) const PLAIN: Self = Self {
        layer: None,
        databases: None,
    };

    /// Another layer.
    pub(crate) fn layer(text: &str) -> Self {
        Self {
            layer: Some(text.to_owned()),
            databases: None,
        }
    }

    /// The core layer with these hosts, as they stand in the file.
    pub(crate) fn hosts(hosts: &str) -> Self {
        Self::layer(&format!(
            "CHANNEL_LAYERS = {{\n    \"default\": {{\n        \"BACKEND\": \"channels_redis.core.RedisChannelLayer\",\n        \
             \"CONFIG\": {{\"hosts\": {hosts}}},\n    }},\n}}"
        ))
    }

    /// The layer over Redis' own channels.
    pub(crate) fn pubsub(url: &str) -> Self {
        Self::layer(&format!(
            "CHANNEL_LAYERS = {{\n    \"default\": {{\n        \"BACKEND\": \"channels_redis.pubsub.RedisPubSubChannelLayer\",\n        \
             \"CONFIG\": {{\"hosts\": [{{\"address\": \"{url}\", \"socket_timeout\": None}}]}},\n    }},\n}}"
        ))
    }

    /// Another database.
    pub(crate) fn postgres(port: u16) -> Self {
        Self::postgres_with(port, "")
    }

    /// The same by TLS.
    pub(crate) fn postgres_secure(port: u16) -> Self {
        Self::postgres_with(port, "\n        \"OPTIONS\": {\"sslmode\": \"require\"},")
    }

    fn postgres_with(port: u16, more: &str) -> Self {
        Self {
            layer: None,
            databases: Some(format!(
                "DATABASES = {{\n    \"default\": {{\n        \"ENGINE\": \"django.db.backends.postgresql\",\n        \
                 \"NAME\": \"chat\",\n        \"USER\": \"postgres\",\n        \"HOST\": \"127.0.0.1\",\n        \
                 \"PORT\": \"{port}\",{more}\n    }}\n}}"
            )),
        }
    }
}

/// A copy of the project with settings of its own.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    python: PathBuf,
}

impl Site {
    /// With a filled SQLite database.
    pub(crate) fn furnish(lab: &mut Lab, settings: &Settings) -> Outcome<Self> {
        let site = Self::bare(lab, settings)?;
        if settings.databases.is_none() {
            let filled = lab.lasting("sqlite", |lab| {
                let site = Self::bare(lab, &Settings::PLAIN)?;
                site.run(&["seed.py"])?;
                Ok(site.folder.join("db.sqlite3"))
            })?;
            fs::copy(filled.as_path(), site.folder.join("db.sqlite3"))?;
        }
        Ok(site)
    }

    /// Without any tables.
    pub(crate) fn bare(lab: &mut Lab, settings: &Settings) -> Outcome<Self> {
        let folder = lab.new_folder("site")?;
        copy(&lab.project(), &folder)?;
        let file = folder.join("tenants_backend/settings.py");
        let mut text = process::read(&file);
        for (mark, by) in [("layer", &settings.layer), ("databases", &settings.databases)] {
            if let Some(by) = by {
                text = between(&text, mark, by);
            }
        }
        process::write(&file, &text)?;
        Ok(Self {
            folder,
            python: lab.python.clone(),
        })
    }

    /// Runs one of the project's programs to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome<String> {
        self.run_with(arguments, &[])
    }

    /// The same with variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome<String> {
        output(
            self.python(&self.python)
                .args(arguments)
                .envs(variables.iter().copied()),
        )
    }

    fn python(&self, python: &Path) -> Command {
        let mut command = Command::new(python);
        command.current_dir(&self.folder);
        command.env("DJANGO_SECRET_KEY", KEY).env("PYTHONUNBUFFERED", "1");
        command
    }
}

/// How a site is served.
#[derive(Clone)]
pub(crate) struct Serve {
    pub(crate) server: Server,
    pub(crate) module: &'static str,
    pub(crate) port: u16,
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) arguments: Vec<String>,
    /// Another Python than the lab's.
    pub(crate) python: Option<PathBuf>,
}

impl Serve {
    /// On a port, with its Redis where that stands in a variable and not in the settings.
    pub(crate) fn on(server: Server, port: u16, redis: &str) -> Self {
        let redis = Some(redis).filter(|redis| !redis.is_empty());
        Self {
            server,
            module: "tenants_backend.asgi:application",
            port,
            variables: redis
                .map(|redis| ("REDIS_URL", redis.to_owned()))
                .into_iter()
                .collect(),
            arguments: Vec::new(),
            python: None,
        }
    }

    /// With one more variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// With more arguments.
    pub(crate) fn and(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Another module.
    pub(crate) fn module(mut self, module: &'static str) -> Self {
        self.module = module;
        self
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(&self, site: &Site) -> Outcome<App> {
        let port = self.port.to_string();
        let python = self.python.as_deref().unwrap_or(&site.python);
        let mut command = site.python(python);
        match self.server {
            Server::Uvicorn => {
                command.args(["-m", "uvicorn", self.module]);
                if !self.arguments.iter().any(|argument| argument == "--uds") {
                    command.args(["--host", "127.0.0.1", "--port", &port]);
                }
            }
            Server::Daphne => {
                command.args(["-m", "daphne", "-b", "127.0.0.1", "-p", &port]);
            }
            Server::Runserver => {
                command.args([
                    "manage.py",
                    "runserver",
                    "--noreload",
                    &format!("127.0.0.1:{port}"),
                ]);
            }
        }
        command.args(&self.arguments);
        if self.server == Server::Daphne {
            command.arg(self.module);
        }
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        let log = site.folder.join(format!("{}.log", self.server.name()));
        Ok(App {
            running: Running::start(&mut command, log)?,
            port: self.port,
        })
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(&self, site: &Site) -> Outcome<App> {
        let mut app = self.spawn(site)?;
        app.running.wait_for_port(self.port)?;
        Ok(app)
    }
}

/// A site that is served.
pub(crate) struct App {
    pub(crate) running: Running,
    pub(crate) port: u16,
}

impl App {
    /// The address of ana's chat with a token.
    pub(crate) fn url(&self, token: &str) -> String {
        url(self.port, token)
    }

    /// The same with a good token.
    pub(crate) fn good(&self) -> String {
        self.url(&good())
    }
}

/// The address of ana's chat at a port.
pub(crate) fn url(port: u16, token: &str) -> String {
    format!("ws://127.0.0.1:{port}/ws/chat/5/?token={token}")
}

/// ana's token.
pub(crate) fn good() -> String {
    Token::of("1").sign(KEY)
}

fn between(text: &str, mark: &str, by: &str) -> String {
    let (start, end) = (format!("# {mark}\n"), format!("# end {mark}\n"));
    let parts = text
        .split_once(&start)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    parts.map_or_else(
        || text.to_owned(),
        |(before, after)| format!("{before}{by}\n{after}"),
    )
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to)?;
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
