//! Who says who may enter: Charla's own members, a query in the application's database, or the application itself.
//!
//! [`Authority::ask`] is the one question. An answer counts for a while, many who ask the same at once are one question, and
//! an authority that does not answer is left alone for a while. What is not known is never "forbidden": it is
//! [`Unavailable`], and nothing of it is kept. [`mirror`] puts what was answered into the store, from which everything
//! else works.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use charla_core::{Millis, Role, UserKey};
use charla_wire::{ChatId, TenantId, UserId};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use crate::application::Application;
use crate::clock::Uptime;
use crate::metrics::Metrics;
use crate::settings::{AuthorityKind, AuthoritySettings, Settings};
use crate::telemetry::{self, Kind};

mod breaker;
mod cache;
mod figures;
mod forget;
mod http;
mod mirror;
mod sql;

pub use figures::AuthorityFigures;
pub use forget::Forgotten;
pub(crate) use forget::ask_again;
pub(crate) use mirror::Known;

use breaker::{Admit, Breaker};
use cache::Cache;
use forget::Recheck;

/// Questions that are asked at once of an application over HTTP; a database is asked as many as it has connections.
const HTTP_AT_ONCE: usize = 32;
/// Questions that wait for their turn. More are answered [`Unavailable`] at once: they would be too old.
const WAITING_MAX: usize = 4096;
/// That there is no answer is told in the log this often at most.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// May this user enter this chat? Without a chat: who is this user?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Who, and of which tenant.
    pub user: UserKey,
    /// Where to.
    pub chat: Option<ChatId>,
}

/// What the authority says of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allow,
    /// It may not.
    Deny,
    /// There is no such chat.
    NoChat,
    /// There is no such tenant.
    NoTenant,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the authority knows the user.
    pub known: bool,
    /// What the user may do.
    pub role: Role,
    /// The user's name for people, where it is told.
    pub name: Option<Arc<str>>,
    /// The chat's title, where it is told.
    pub title: Option<Arc<str>>,
    /// Whether the chat is closed, where it is told.
    pub closed: Option<bool>,
}

impl Answer {
    /// A verdict and nothing besides.
    #[must_use]
    pub const fn none(verdict: Verdict) -> Self {
        Self {
            verdict,
            known: false,
            role: Role::Member,
            name: None,
            title: None,
            closed: None,
        }
    }
}

/// The authority was not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// For developers, in English: names no address and shows no words of the database.
    pub detail: &'static str,
}

/// Why a question has no answer, in words for the log.
#[derive(Debug)]
enum Failure {
    /// Nobody answers, or too late: counts towards leaving it alone.
    Away(String),
    /// What came is no answer. It came quickly, and may be about this question alone.
    Wrong(String),
}

enum Source {
    /// Charla's own store.
    Builtin,
    Sql(Box<sql::Sql>),
    Http(Box<http::Http>),
}

/// Why the authority of the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritySetupError {
    /// `kind = "sql"` without a query or a database; settings that were loaded have both.
    #[error("`authority.kind` is \"sql\", but there is no query or no application.database_url")]
    NoQuery,
    /// `kind = "http"` without an address or a secret; settings that were loaded have both.
    #[error("`authority.kind` is \"http\", but there is no authority.url or no authority.secret")]
    NoUrl,
    /// The file with authorities.
    #[error("`authority.ca_file` cannot be used: {0}")]
    CaFile(String),
}

/// Who says who may enter.
pub struct Authority {
    source: Source,
    settings: AuthoritySettings,
    metrics: Arc<Metrics>,
    uptime: Uptime,
    cache: Mutex<Cache>,
    flights: Mutex<HashMap<Question, Flight>>,
    breaker: Mutex<Breaker>,
    at_once: Semaphore,
    health: Mutex<Health>,
    recheck: Recheck,
}

type Outcome = Result<Answer, Unavailable>;
/// What becomes of a question that is under way.
type Flight = watch::Receiver<Option<Outcome>>;

/// What was last told in the log.
#[derive(Debug, Default)]
struct Health {
    failing: bool,
    told_at: Option<Millis>,
    /// The log's last word is that it does not answer.
    lamented: bool,
}

impl Authority {
    /// The authority of the settings.
    ///
    /// # Errors
    /// [`AuthoritySetupError`] where settings were not loaded but made.
    pub fn open(
        settings: &Settings,
        application: Option<&Arc<Application>>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, AuthoritySetupError> {
        let own = settings.authority.clone();
        let (source, at_once) = match own.kind {
            AuthorityKind::Builtin => (Source::Builtin, HTTP_AT_ONCE),
            AuthorityKind::Sql => {
                let (query, application) = own
                    .asks
                    .clone()
                    .zip(application)
                    .ok_or(AuthoritySetupError::NoQuery)?;
                let only = settings.server.default_tenant.clone();
                let schema = settings.application.schema.as_deref();
                let sql = sql::Sql::new(Arc::clone(application), query, schema, only);
                (Source::Sql(Box::new(sql)), settings.application.connections)
            }
            AuthorityKind::Http => {
                let (url, secret) = own
                    .url
                    .as_deref()
                    .zip(own.secret.as_ref())
                    .ok_or(AuthoritySetupError::NoUrl)?;
                let tls = charla_trust::tls::authorities(own.ca_file.as_deref())
                    .map_err(AuthoritySetupError::CaFile)?;
                let tls = tls.with_no_client_auth();
                let http = http::Http::new(url, secret, tls).ok_or(AuthoritySetupError::NoUrl)?;
                (Source::Http(Box::new(http)), HTTP_AT_ONCE)
            }
        };
        metrics.authority.up.set(1);
        Ok(Arc::new(Self {
            source,
            cache: Mutex::new(Cache::new(own.cache_max)),
            settings: own,
            metrics,
            uptime: Uptime::start(),
            flights: Mutex::default(),
            breaker: Mutex::default(),
            at_once: Semaphore::new(at_once),
            health: Mutex::default(),
            recheck: Recheck::default(),
        }))
    }

    /// Whether Charla's own members decide.
    #[must_use]
    pub const fn is_builtin(&self) -> bool {
        matches!(self.source, Source::Builtin)
    }

    /// Whether it does not answer at the moment, as far as is known.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.health.lock().failing
    }

    /// Asks, or finds the answer that still counts. Whoever asks what is being asked waits for that answer.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ask(self: &Arc<Self>, question: &Question) -> Outcome {
        let figures = &self.metrics.authority;
        if let Some(answer) = self.cache.lock().get(question, self.uptime.now()) {
            figures.count("cached");
            return Ok(answer);
        }
        let mut flight = self.flight(question)?;
        if let Ok(outcome) = flight.wait_for(Option::is_some).await
            && let Some(outcome) = &*outcome
        {
            return outcome.clone();
        }
        // Its task is gone: nobody else may wait for it.
        self.clear(question, &flight);
        Err(unavailable("the question was lost"))
    }

    /// The question on its way.
    fn flight(self: &Arc<Self>, question: &Question) -> Result<Flight, Unavailable> {
        let figures = &self.metrics.authority;
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(question) {
            figures.count("shared");
            return Ok(flight.clone());
        }
        if flights.len() >= WAITING_MAX {
            figures.count("too_many");
            return Err(unavailable("too many questions wait for the authority"));
        }
        let admitted = self.breaker.lock().admit(self.uptime.now());
        if let Admit::Wait(_) = admitted {
            figures.count("spared");
            return Err(unavailable(
                "the authority does not answer, and is left alone for a moment",
            ));
        }
        figures.breaker.set(self.breaker.lock().figure());
        let (land, flight) = watch::channel(None);
        flights.insert(question.clone(), flight.clone());
        let (this, question, own) = (Arc::clone(self), question.clone(), flight.clone());
        // On a task of its own: whoever asked may leave, and others may have joined.
        tokio::spawn(telemetry::carried(async move {
            let outcome = this.carry(&question, admitted).await;
            this.clear(&question, &own);
            land.send_replace(Some(outcome));
        }));
        Ok(flight)
    }

    /// The question is on its way no more, unless it was asked anew.
    fn clear(&self, question: &Question, own: &Flight) {
        let mut flights = self.flights.lock();
        if flights
            .get(question)
            .is_some_and(|flight| flight.same_channel(own))
        {
            flights.remove(question);
        }
    }

    async fn carry(&self, question: &Question, admitted: Admit) -> Outcome {
        let epoch = self.cache.lock().epoch();
        let within = self.settings.timeout;
        let turn = tokio::time::timeout(within, self.at_once.acquire()).await;
        let began = self.uptime.elapsed();
        let answer = match turn {
            Ok(Ok(_turn)) => {
                let mut span = telemetry::child("authority", Kind::Client);
                let asking = telemetry::within(span.as_ref(), self.answer(question));
                let answer = tokio::time::timeout(within, asking).await;
                if let (Some(span), Ok(Err(_)) | Err(_)) = (&mut span, &answer) {
                    span.fails("authority_unavailable");
                }
                answer.unwrap_or_else(|_| {
                    let within = within.as_millis();
                    Err(Failure::Away(format!("no answer within {within} ms")))
                })
            }
            Ok(Err(_)) | Err(_) => {
                self.metrics.authority.count("too_many");
                if admitted == Admit::Probe {
                    self.judge(&Err(Failure::Away("no turn for the probe".into())), admitted);
                }
                return Err(unavailable("too many questions wait for the authority"));
            }
        };
        self.metrics
            .authority
            .seconds
            .observe((self.uptime.elapsed() - began).as_secs_f64());
        self.judge(&answer, admitted);
        let answer = answer.map_err(|_| unavailable("the authority does not answer"))?;
        let lasts = if answer.verdict == Verdict::Allow || (question.chat.is_none() && answer.known) {
            self.settings.cache_allow
        } else {
            self.settings.cache_deny
        };
        let now = self.uptime.now();
        let until = now.saturating_add(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
        if until > now {
            self.cache
                .lock()
                .put(question.clone(), answer.clone(), until, epoch);
        }
        Ok(answer)
    }

    async fn answer(&self, question: &Question) -> Result<Answer, Failure> {
        match &self.source {
            Source::Builtin => Err(Failure::Wrong("the store decides".into())),
            Source::Sql(sql) => sql.ask(question).await,
            Source::Http(http) => http.ask(question).await,
        }
    }

    /// Counts an answer or its absence, and says in the log when the authority goes and when it is back.
    fn judge(&self, answer: &Result<Answer, Failure>, admitted: Admit) {
        let figures = &self.metrics.authority;
        let now = self.uptime.now();
        let mut breaker = self.breaker.lock();
        match answer {
            Ok(answer) => {
                breaker.answered();
                figures.count(match answer.verdict {
                    Verdict::Allow => "allowed",
                    Verdict::Deny => "denied",
                    Verdict::NoChat => "no_chat",
                    Verdict::NoTenant => "no_tenant",
                });
            }
            Err(Failure::Away(_)) => {
                breaker.failed(admitted, now);
                figures.count("failed");
            }
            // It is there: an id that makes it stumble must not keep the others out.
            Err(Failure::Wrong(_)) => {
                breaker.answered();
                figures.count("wrong");
            }
        }
        figures.breaker.set(breaker.figure());
        drop(breaker);
        let mut health = self.health.lock();
        health.failing = answer.is_err();
        figures.up.set(i64::from(answer.is_ok()));
        match answer {
            Ok(_) if std::mem::take(&mut health.lamented) => tracing::info!("the authority answers again"),
            Ok(_) => {}
            Err(Failure::Away(words) | Failure::Wrong(words)) => {
                let every = u64::try_from(TOLD_EVERY.as_millis()).unwrap_or(u64::MAX);
                let told = health.told_at.is_some_and(|at| now < at + every);
                if !told {
                    health.told_at = Some(now);
                    health.lamented = true;
                    tracing::warn!(
                        error = words,
                        cause = "authority_unavailable",
                        "the authority gave no answer"
                    );
                }
            }
        }
    }

    /// Drops the answers that are forgotten; questions under way answer those who wait for them, and nobody after.
    pub(crate) fn forget(&self, forgotten: &Forgotten) {
        self.cache.lock().forget(forgotten);
        self.flights
            .lock()
            .retain(|question, _| !forgotten.is_about(question));
    }

    /// Drops every answer.
    pub(crate) fn forget_all(&self) {
        self.cache.lock().clear();
        self.flights.lock().clear();
    }

    /// The question of a user about a chat of its tenant.
    pub(crate) fn question(user: &UserKey, chat: Option<&ChatId>) -> Question {
        Question {
            user: user.clone(),
            chat: chat.cloned(),
        }
    }
}

const fn unavailable(detail: &'static str) -> Unavailable {
    Unavailable { detail }
}

/// A user's key.
fn key(tenant: &TenantId, user: &UserId) -> UserKey {
    UserKey {
        tenant: tenant.clone(),
        user: user.clone(),
    }
}
