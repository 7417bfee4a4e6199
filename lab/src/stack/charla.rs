//! Charla itself: `charla demo`, or `charla serve` where a demo would not do.

use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{self, Running};
use charla_ground::{Failure, Outcome};
use serde_json::Value;

use crate::jwt::Token;
use crate::lab::{KEY, Lab};

/// A Charla that runs, with people and chat 5.
pub(crate) struct Charla {
    pub(crate) running: Running,
    pub(crate) port: u16,
    folder: PathBuf,
    program: PathBuf,
}

impl Charla {
    /// `charla demo` on a port, with more settings: ana and luis, who are members, and sofia.
    pub(crate) fn demo(lab: &mut Lab, port: u16, settings: &[&str]) -> Outcome<Self> {
        let folder = lab.new_folder("charla")?;
        let mut command = program(&lab.charla);
        command.args([
            "demo",
            "--json",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--data",
        ]);
        command.arg(folder.join("data"));
        for setting in [&format!("auth.secret={KEY}") as &str].iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let mut running = Running::start(&mut command, folder.join("charla.log"))?;
        running.wait_for_words("\"users\"")?;
        Ok(Self {
            running,
            port,
            folder,
            program: lab.charla.clone(),
        })
    }

    /// `charla serve` with a settings file: ana, a member, and pedro, who is not.
    pub(crate) fn serve(lab: &mut Lab, port: u16, settings: &str) -> Outcome<Self> {
        Self::serve_after(lab, port, settings, &[])
    }

    /// The same after one more command on its store.
    pub(crate) fn serve_after(lab: &mut Lab, port: u16, settings: &str, more: &[&str]) -> Outcome<Self> {
        let folder = lab.new_folder("charla")?;
        let data = folder.join("data");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\ndefault_tenant = \"demo\"\n\n[auth]\nsecret = \"{KEY}\"\n\n\
             [store]\npath = \"{}\"\n{settings}\n",
            data.display()
        );
        process::write(&folder.join("charla.toml"), &text)?;
        let made = Self {
            running: Running::start(&mut Command::new("true"), folder.join("charla.log"))?,
            port,
            folder,
            program: lab.charla.clone(),
        };
        made.admin(&["tenant", "add", "demo"])?;
        made.admin(&["user", "add", "ana"])?;
        made.admin(&["user", "add", "pedro"])?;
        made.admin(&["chat", "add", "5", "--member", "ana"])?;
        if !more.is_empty() {
            made.admin(more)?;
        }
        let mut command = program(&lab.charla);
        command
            .args(["serve", "--config"])
            .arg(made.config())
            .current_dir(&made.folder);
        let mut running = Running::start(&mut command, made.folder.join("charla.log"))?;
        running.wait_for_port(port)?;
        Ok(Self { running, ..made })
    }

    /// Its settings file, where there is one.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("charla.toml")
    }

    /// Runs one of its commands on its store.
    fn admin(&self, arguments: &[&str]) -> Outcome<String> {
        let mut command = program(&self.program);
        command.args(arguments);
        if self.config().exists() {
            command.arg("--config").arg(self.config());
        } else {
            command.arg("--data").arg(self.folder.join("data"));
        }
        if arguments.first() != Some(&"tenant") {
            command.args(["--tenant", "demo"]);
        }
        process::output(&mut command)
    }

    /// The demo's own token of one of the three.
    pub(crate) fn own_token(&self, user: &str) -> Outcome<String> {
        let said = process::read(self.running.log());
        let line = said
            .lines()
            .find(|line| line.starts_with('{') && line.contains("\"users\""));
        let demo: Value = serde_json::from_str(line.unwrap_or_default())?;
        let users = demo.get("users").and_then(Value::as_array).into_iter().flatten();
        let mut tokens = users.filter(|known| known.get("id").and_then(Value::as_str) == Some(user));
        let token = tokens.next().and_then(|known| known.get("token")?.as_str());
        token
            .map(str::to_owned)
            .ok_or_else(|| Failure::NotStarted(format!("no token of {user}: {said}")))
    }

    /// The address of chat 5 with a token.
    pub(crate) fn url(&self, token: &str) -> String {
        url(self.port, token)
    }

    /// The same with a good token of ana's.
    pub(crate) fn good(&self) -> String {
        self.url(&good())
    }
}

/// The address of chat 5 at a port.
pub(crate) fn url(port: u16, token: &str) -> String {
    format!("ws://127.0.0.1:{port}/ws/chat/5/?token={token}&tenant=demo")
}

/// A token of somebody's, as Charla itself makes them.
pub(crate) fn token(user: &str) -> Token {
    Token {
        tenant: Some("demo"),
        key_id: Some("charla"),
        ..Token::of(user)
    }
}

/// A good one of ana's.
pub(crate) fn good() -> String {
    token("ana").sign(KEY)
}

/// The program with nothing of the environment that it would read as a setting.
pub(crate) fn program(charla: &Path) -> Command {
    let mut command = Command::new(charla);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHARLA_") {
            command.env_remove(name);
        }
    }
    command
}
