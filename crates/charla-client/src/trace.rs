//! The flight recorder: structured notes of what a client did, without any token, ready to be pasted where somebody looks
//! for the cause.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

use crate::closes::Problem;
use crate::machine::{Policy, State};
use crate::redact::redact;

/// Notes kept for a report.
const NOTES: usize = 200;
/// Notes that a listener may be behind before it misses some.
const NOTES_BEHIND: usize = 256;

/// The notes of one client.
#[derive(Debug)]
pub(crate) struct Recorder {
    url: String,
    policy: Value,
    listeners: broadcast::Sender<Value>,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    notes: VecDeque<Value>,
    session: Option<String>,
    unacknowledged: usize,
}

impl Recorder {
    pub(crate) fn new(url: String, policy: &Policy) -> Self {
        Self {
            url,
            policy: policy_json(policy),
            listeners: broadcast::Sender::new(NOTES_BEHIND),
            record: Mutex::default(),
        }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Value> {
        self.listeners.subscribe()
    }

    /// Writes one down: `fields` is an object. Whatever looks like a token is taken out.
    pub(crate) fn note(&self, kind: &str, mut fields: Value, token: Option<&str>) {
        clean(&mut fields, token);
        let mut note = Map::new();
        note.insert("at".into(), now_ms().into());
        note.insert("kind".into(), kind.into());
        if let Value::Object(fields) = fields {
            note.extend(fields);
        }
        let note = Value::Object(note);
        // Nobody has to listen.
        let _ = self.listeners.send(note.clone());
        let mut record = self.record();
        if record.notes.len() == NOTES {
            record.notes.pop_front();
        }
        record.notes.push_back(note);
    }

    pub(crate) fn welcomed(&self, session: Option<&str>) {
        self.record().session = session.map(str::to_owned);
    }

    pub(crate) fn unacknowledged(&self, count: usize) {
        self.record().unacknowledged = count;
    }

    /// The shape that the browser's client reports too.
    pub(crate) fn report(&self, state: &State) -> Value {
        let record = self.record();
        let mut now = state_json(state);
        clean(&mut now, None);
        if let Some(now) = now.as_object_mut() {
            now.insert("unacknowledged".into(), record.unacknowledged.into());
        }
        let at = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        json!({
            "charla_report": 1,
            "at": format!("{at:.3}"),
            "url": self.url,
            "agent": concat!("charla-client/", env!("CARGO_PKG_VERSION"), " (Rust)"),
            "session": record.session,
            "policy": self.policy,
            "now": now,
            "notes": record.notes,
        })
    }

    /// What a panic elsewhere left behind is still worth reading.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn state_json(state: &State) -> Value {
    let mut json = json!({
        "name": state.name.as_str(),
        "cause": state.cause().map(ToString::to_string),
        "code": state.code(),
        "willRetry": state.will_retry(),
        "retryInMs": state.retry_in.map(millis),
        "attempt": state.attempt,
        "of": state.of,
        "cycle": state.cycle,
        "spent": state.spent,
        "held": state.held.map(|held| held.as_str()),
        "exhausted": state.exhausted,
    });
    if let (Some(detail), Some(json)) = (state.detail(), json.as_object_mut()) {
        json.insert("detail".into(), detail.into());
    }
    json
}

pub(crate) fn problem_json(problem: &Problem) -> Value {
    json!({
        "cause": problem.cause.as_ref().map(ToString::to_string),
        "code": problem.code,
        "retry": problem.retry,
        "detail": problem.detail,
        "retryInMs": problem.retry_in.map(millis),
    })
}

fn policy_json(policy: &Policy) -> Value {
    json!({
        "attempts": policy.attempts,
        "cycles": policy.cycles,
        "firstDelayMs": millis(policy.first_delay),
        "maxDelayMs": millis(policy.max_delay),
        "stableMs": millis(policy.stable),
        "calmMs": millis(policy.calm),
        "tokenTimeoutMs": millis(policy.token_timeout),
        "connectTimeoutMs": millis(policy.connect_timeout),
        "preflightTimeoutMs": millis(policy.preflight_timeout),
        "graceMs": millis(policy.grace),
        "probeMs": millis(policy.probe),
        "maxAdviceMs": millis(policy.max_advice),
        "reviveMs": millis(policy.revive),
        "renewBeforeMs": millis(policy.renew_before),
        "dormantProbeMs": millis(policy.dormant_probe),
    })
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    millis(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

fn clean(value: &mut Value, token: Option<&str>) {
    match value {
        Value::String(text) => {
            if let Some(token) = token.filter(|token| !token.is_empty()) {
                *text = text.replace(token, "***");
            }
            *text = redact(text);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, token)),
        Value::Object(fields) => fields.values_mut().for_each(|field| clean(field, token)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
