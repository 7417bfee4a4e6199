//! Nodes of one cluster on this machine: `charla serve`, one PostgreSQL, and a Redis where there is more than one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use serde::Deserialize;

use crate::database::Database;
use crate::failure::{Failure, Outcome};
use crate::peers::programs;
use crate::server::{Server, without_settings};

/// What the nodes' tokens are signed with.
const SECRET: &str = "what charla-bench signs its clusters with";
/// The people of the demo, and what they may do.
const PEOPLE: [(&str, &[&str]); 3] = [("ana", &[]), ("luis", &[]), ("sofia", &["--role", "agent"])];

/// A running cluster, ended when dropped; the nodes first.
pub(crate) struct Cluster {
    nodes: Vec<Server>,
    redis: Option<Child>,
    folder: PathBuf,
    pub(crate) database: Database,
}

/// What `charla key add --json` prints.
#[derive(Deserialize)]
struct AddedKey {
    secret: String,
}

impl Cluster {
    /// Starts so many nodes that know the demo's people and chat.
    pub(crate) fn start(charla: &Path, folder: PathBuf, nodes: usize) -> Outcome<Self> {
        fs::create_dir_all(&folder)?;
        let mut cluster = Self {
            nodes: Vec::new(),
            redis: None,
            folder,
            database: Database::start()?,
        };
        let mut broker = String::new();
        if nodes > 1 {
            let (child, address) = programs::redis(&cluster.folder)?;
            cluster.redis = Some(child);
            broker = format!("[broker]\nurl = \"redis://{address}\"\n");
        }
        let mut prepared = None;
        for number in 0..nodes {
            let address = programs::free_address()?;
            let file = cluster.folder.join(format!("node-{number}.toml"));
            fs::write(
                &file,
                format!(
                    "[server]\nlisten = \"{address}\"\ndefault_tenant = \"demo\"\n[store]\nurl = \"{}\"\n{broker}\
                     [auth]\nsecret = \"{SECRET}\"\n[log]\nfilter = \"warn\"\n[limits]\nconnections_per_user = 100000\n\
                     connections_per_address = 100000\nsends_per_second = 100000000\nsend_burst = 100000000\n\
                     requests_per_second = 100000000\nrequest_burst = 100000000\nrefusals_per_minute = 0\n\
                     refusals_per_minute_per_address = 0\n",
                    cluster.database.url()
                ),
            )?;
            let (tokens, key) = match &prepared {
                Some(prepared) => prepared,
                None => prepared.insert(prepare(charla, &file)?),
            };
            let mut command = without_settings(charla);
            command.arg("serve").arg("--config").arg(&file);
            let name = format!("node-{number}");
            let child = programs::listening(&mut command, address, &cluster.folder, &name)?;
            cluster.nodes.push(Server::node(child, address, tokens, key));
        }
        Ok(cluster)
    }

    /// Its nodes; there is one at least.
    pub(crate) fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The node that is spoken to.
    pub(crate) fn first(&self) -> Outcome<&Server> {
        let none = || Failure::Server("a cluster without nodes".into());
        self.nodes.first().ok_or_else(none)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.clear();
        if let Some(mut redis) = self.redis.take() {
            let _ = redis.kill();
            let _ = redis.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes tenant, people and chat; their tokens, and a key for making more chats.
fn prepare(charla: &Path, settings: &Path) -> Outcome<(Vec<(&'static str, String)>, String)> {
    let run = |words: &[&str]| -> Outcome<String> {
        let done = without_settings(charla)
            .args(words)
            .arg("--config")
            .arg(settings)
            .output()?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        Err(Failure::Server(format!("charla {}: {said}", words.join(" "))))
    };
    let tenant = ["--tenant", "demo"];
    run(&["tenant", "add", "demo"])?;
    let mut tokens = Vec::new();
    for (id, also) in PEOPLE {
        run(&[&["user", "add", id], also, &tenant].concat())?;
    }
    run(&[
        &["chat", "add", "5", "--member", "ana", "--member", "luis"][..],
        &tenant,
    ]
    .concat())?;
    for (id, _) in PEOPLE {
        tokens.push((
            id,
            run(&[&["token", "issue", id, "--ttl", "8h"][..], &tenant].concat())?,
        ));
    }
    let added = run(&[&["key", "add", "bench", "--json"][..], &tenant].concat())?;
    let key: AddedKey = serde_json::from_str(&added)?;
    Ok((tokens, key.secret))
}
