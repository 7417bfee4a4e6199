//! The only I/O: looks at everything that [`Wanted`](crate::plan::Wanted) names or that can be found from it.
//!
//! Each probe has a time limit, changes nothing, and fills in its part of the [`Evidence`].

mod answer;
pub mod ask;
mod certificate;
mod chain;
pub mod charla;
pub mod command;
pub mod conduct;
pub mod database;
mod diag;
pub mod handshake;
pub mod held;
pub mod host;
pub mod logs;
pub mod names;
pub mod nginx;
pub mod place;
pub mod proc;
pub mod python;
mod queue;
pub mod redis;
mod scene;
pub mod server;
mod settings;
pub mod sockets;
pub mod tls;
pub mod unit;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use charla_client::AddressError;

use crate::evidence::{Answer, CharlaSeen, Evidence, HopKind, Kind, SCHEMA};
use crate::explain::Reader;
use crate::plan::{ANSWER_WITHIN, WATCH_FOR, Wanted};
use crate::probe::conduct::Trial;
use crate::probe::handshake::Patience;
use crate::probe::held::Held;
use crate::probe::host::Before;
use crate::probe::logs::Watched;
use crate::probe::queue::Queue;
use crate::probe::scene::Scene;
use crate::probe::settings::Known;
use crate::signs::Sign;
use crate::target::{self, Address};
use crate::text::{Text, both};
use crate::token::{self, Given};

/// How long handshakes may take.
const PATIENCE: Patience = Patience {
    answer_within: ANSWER_WITHIN,
    watch_for: WATCH_FOR,
};

/// daphne looks once a second whether an application has fallen over, and closes only then.
const DAPHNE_PATIENCE: Patience = Patience {
    answer_within: ANSWER_WITHIN,
    watch_for: Duration::from_millis(1_200),
};

/// Starts without an orderly end before them, from which a loop is looked for.
const FELL: u64 = 2;

/// How long the next start of a server that falls again and again is waited for.
const NEWCOMER_WITHIN: Duration = Duration::from_millis(1_200);

/// Takes the address apart, or says what is wrong with it.
///
/// # Errors
/// [`AddressError`] says which part is wrong.
pub fn target(text: &str) -> Result<Address, AddressError> {
    target::parse(text)
}

/// Looks. `say` is told what is being done.
pub async fn look(wanted: &Wanted, say: &(dyn Fn(&Text) + Sync)) -> Evidence {
    let mut run = Run::begin(wanted, say);
    run.say(&both!("finding out who listens", "averiguando quién escucha"));
    run.locate().await;
    run.say(&both!(
        "reading the application's settings",
        "leyendo la configuración de la aplicación"
    ));
    run.read_settings();
    run.mark_logs();
    run.say(&both!(
        "asking Redis, the database and the server",
        "preguntando a Redis, a la base de datos y al servidor"
    ));
    let open = run.ask().await;
    run.watch_open(open).await;
    run.say(&both!("reading the logs", "leyendo los registros"));
    run.watched.settle().await;
    run.read_logs().await;
    run.wait_for_newcomer().await;
    run.say(&both!(
        "trying variations of the handshake",
        "probando variantes del handshake"
    ));
    run.vary().await;
    run.set_foreign_apart();
    run.choose_nginx();
    run.ask_charla().await;
    run.judge_token();
    run.try_conduct().await;
    run.evidence
}

/// One run: what is asked, what is known by now, what was seen.
struct Run<'a> {
    wanted: &'a Wanted,
    say: &'a (dyn Fn(&Text) + Sync),
    began: f64,
    given: Option<Given>,
    before: Option<Before>,
    scene: Scene,
    known: Known,
    watched: Watched,
    evidence: Evidence,
}

impl<'a> Run<'a> {
    fn begin(wanted: &'a Wanted, say: &'a (dyn Fn(&Text) + Sync)) -> Self {
        let address = wanted.url.as_deref().and_then(|url| target::parse(url).ok());
        let address = address.map(|address| address.with(wanted));
        let began = now();
        Self {
            evidence: Evidence {
                schema: SCHEMA,
                taken_at: began,
                target: address.as_ref().map(|address| address.target.clone()),
                ..Evidence::default()
            },
            given: token::given(wanted),
            before: Some(host::before()),
            scene: Scene::new(address),
            known: Known::default(),
            watched: Watched::default(),
            wanted,
            say,
            began,
        }
    }

    fn say(&self, doing: &Text) {
        (self.say)(doing);
    }

    /// Every log that can be found: those given, those that the process writes, those of nginx.
    fn mark_logs(&mut self) {
        for path in &self.wanted.logs {
            self.watched.mark(path, None);
        }
        for path in &self.wanted.nginx_logs {
            self.watched.mark(path, None);
        }
        for path in self.scene.log_files() {
            self.watched.mark(path, None);
        }
        for (path, kind) in self.scene.nginx_logs() {
            self.watched.mark(path, *kind);
        }
    }

    /// Redis, the database and the browser's handshake at every hop, side by side.
    async fn ask(&mut self) -> Vec<Option<Held>> {
        let patience = match &self.scene.app {
            Some(app) if app.kind == Kind::Daphne => DAPHNE_PATIENCE,
            Some(_) | None => PATIENCE,
        };
        let redis = settings::ask_redis(self.known.redis.as_ref());
        let database = settings::ask_database(self.known.database.as_ref());
        let hops = scene::ask_browser(self.scene.ways(), patience);
        let socket = self.scene.app.as_ref().and_then(|app| app.socket);
        // In a box: together they are too large for a small stack.
        let all = Box::pin(async { tokio::join!(redis, database, hops, self.scene.ask_tls()) });
        let ((redis, database, hops, tls), queue) = queue::beside(socket, all).await;
        self.tell_queue(queue);
        self.evidence.tls = tls;
        if let Some(redis) = redis {
            self.evidence.skipped.extend(redis::skipped(&redis));
            self.evidence.redis = Some(redis);
        }
        match database {
            Some(Ok(seen)) => self.evidence.database = Some(seen),
            Some(Err(skipped)) => self.evidence.skipped.push(skipped),
            None => {}
        }
        let (hops, open) = hops.into_iter().unzip();
        self.evidence.hops = hops;
        open
    }

    /// What can be seen only while the doctor's own connection is open.
    async fn watch_open(&mut self, open: Vec<Option<Held>>) {
        if open.iter().any(Option::is_some)
            && let (Some(seen), Some(known)) = (&mut self.evidence.redis, &self.known.redis)
        {
            redis::during(seen, &known.url).await;
        }
        let mut open = self
            .evidence
            .hops
            .iter()
            .zip(open)
            .filter_map(|(hop, held)| Some((&hop.at, held?)));
        if let Some((at, held)) = open.next() {
            let conduct = conduct::look(at, held, None, Trial::default(), WATCH_FOR).await;
            self.evidence.conduct = Some(conduct);
        }
        for (_, held) in open {
            held.close(WATCH_FOR).await;
        }
    }

    /// Variations of a handshake that failed, and what a Charla server says of itself. After the logs are marked: a token
    /// that cannot be right leaves lines of its own.
    async fn vary(&mut self) {
        let hops = std::mem::take(&mut self.evidence.hops);
        let varied = scene::vary(hops, self.scene.ways());
        let host = self.scene.ask_host(self.before.take());
        let socket = self.scene.app.as_ref().and_then(|app| app.socket);
        let both = Box::pin(async { tokio::join!(varied, host) });
        let ((hops, host), queue) = queue::beside(socket, both).await;
        self.evidence.hops = hops;
        self.tell_queue(queue);
        if self.evidence.tls.is_none() {
            self.evidence.tls = self.scene.ask_tls_behind(self.evidence.answer()).await;
        }
        if let Some((host, skipped)) = host {
            self.evidence.host = Some(host);
            self.evidence.skipped.extend(skipped);
        }
    }

    fn tell_queue(&mut self, queue: Queue) {
        let server = self.evidence.server.as_mut();
        if let Some(listener) = server.and_then(|server| server.listeners.first_mut()) {
            queue.tell(listener);
        }
    }

    /// Where the log tells of starts after which the server fell, and it does not let anybody in now: the next start.
    async fn wait_for_newcomer(&mut self) {
        let fell = self
            .evidence
            .logs
            .sign(Sign::StartedAgain)
            .is_some_and(|seen| seen.count >= FELL);
        if !fell || self.evidence.answer().is_some_and(Answer::is_open) {
            return;
        }
        if let Some(server) = &mut self.evidence.server {
            server.newcomer = server::newcomer(&self.scene.candidates, NEWCOMER_WITHIN).await;
        }
    }

    /// A listener elsewhere that does not let the token in may be anybody's: its words are no evidence about this server.
    fn set_foreign_apart(&mut self) {
        let hops = &mut self.evidence.hops;
        let foreign = |hop: &crate::evidence::Hop| {
            hop.from == scene::WHO_LISTENS && !hop.browser().is_some_and(Answer::is_open)
        };
        if let Some(at) = hops.iter().position(foreign) {
            self.evidence.elsewhere = Some(hops.remove(at));
        }
    }

    /// The files, and the unit's journal.
    async fn read_logs(&mut self) {
        let mut reader = Reader::new(true);
        self.evidence.skipped.extend(self.watched.read(&mut reader));
        let since = self.wanted.since.unwrap_or(crate::plan::LOGS_SINCE);
        self.evidence
            .skipped
            .extend(self.scene.read_journal(&mut reader, since, self.began).await);
        self.evidence.logs = reader.finish();
    }

    /// What a Charla server says of itself, where something speaks for one; after the logs, in which it would leave lines.
    async fn ask_charla(&mut self) {
        let config = self.known.charla_config.clone();
        let Some(url) = self.wanted.url.as_deref() else {
            return;
        };
        // Whoever has not answered a handshake by now answers no question either.
        let answered = self
            .evidence
            .hops
            .iter()
            .filter_map(|hop| hop.browser())
            .any(|answer| answer.status().is_some());
        if !answered || config.is_none() && !charla::likely(&self.evidence) {
            return;
        }
        let token = self.given.as_ref().map(|given| given.token.as_str());
        let direct = self.evidence.hops.last().map(|hop| hop.at.clone());
        if let Some(mut seen) = charla::look(url, token, direct.as_deref(), ANSWER_WITHIN).await {
            let let_in = seen.preflight.as_ref().is_some_and(|preflight| preflight.ok);
            let chat = self
                .evidence
                .target
                .as_ref()
                .and_then(|target| target.chat.as_deref());
            if let Some(chat) = chat.filter(|_| let_in) {
                let at = direct.as_deref().unwrap_or(url);
                seen.chat_closed = charla::chat_closed(at, token, chat, ANSWER_WITHIN).await;
            }
            let seen = charla::with_welcome(seen, &self.evidence);
            self.evidence.charla = Some(CharlaSeen { config, ..seen });
        }
    }

    fn judge_token(&mut self) {
        // The server's clock as its last answer had it, moved to this moment.
        let mut dates = self
            .evidence
            .hops
            .iter()
            .flat_map(|hop| &hop.tried)
            .filter_map(|tried| match &tried.answer {
                Answer::Http { date, .. } => *date,
                Answer::Upgraded { .. }
                | Answer::Refused
                | Answer::Unreachable(_)
                | Answer::Silent
                | Answer::NoConnection
                | Answer::HungUp { .. }
                | Answer::NotHttp(_)
                | Answer::Tls(_)
                | Answer::Untried => None,
            });
        let preflight = self
            .evidence
            .charla
            .as_ref()
            .and_then(|charla| charla.preflight.as_ref());
        let server_time = dates
            .next_back()
            .or(preflight.and_then(|preflight| preflight.server_time));
        if self.evidence.target.is_some() || self.given.is_some() {
            self.evidence.token = Some(token::look(
                self.given.as_ref(),
                &self.known.keys,
                server_time,
                now(),
            ));
        }
    }

    /// `--idle` and `--message-size`, on connections of their own: at the given address, and in silence at the server too.
    async fn try_conduct(&mut self) {
        let trial = Trial {
            idle: self.wanted.idle,
            message_bytes: self.wanted.message_size,
        };
        if trial.idle.is_none() && trial.message_bytes.is_none() {
            return;
        }
        let seconds = trial.idle.unwrap_or_default().as_secs();
        self.say(&both!(
            "holding a connection in silence for {seconds} s",
            "manteniendo una conexión en silencio {seconds} s"
        ));
        let mut open = scene::ask_browser(self.scene.ways(), PATIENCE)
            .await
            .into_iter()
            .filter_map(|(hop, held)| Some((hop, held?)));
        let Some((given, held)) = open.next().filter(|(hop, _)| hop.kind == HopKind::Given) else {
            return;
        };
        let direct = open.next().map(|(_, held)| held);
        self.evidence.conduct = Some(conduct::look(&given.at, held, direct, trial, WATCH_FOR).await);
    }
}

/// This machine's clock, in seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
