//! The reconnect scenarios that every client of Charla is held to, step by step and effect by effect.

use std::time::Duration;

use charla_client::machine::{Effect, Event, Held, Machine, Policy};
use charla_client::{CauseName, Problem};
use charla_wire::cause::Retry;
use serde_json::{Map, Value, json};

fn scenarios() -> Vec<Value> {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../protocol/vectors/reconnect.json")).unwrap();
    vectors["scenarios"].as_array().unwrap().clone()
}

#[test]
fn every_scenario_goes_as_written() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 50, "{} scenarios", scenarios.len());
    for scenario in scenarios {
        play(&scenario);
    }
}

fn play(scenario: &Value) {
    let name = scenario["name"].as_str().unwrap();
    let mut machine = Machine::new(policy(&scenario["policy"]));
    let mut draws = Draws::of(scenario.get("random"), name);
    for step in scenario["steps"].as_array().unwrap() {
        let at = Duration::from_millis(step["at"].as_u64().unwrap());
        let place = format!("{name}, at {}: {}", step["at"], step["event"]["type"]);
        let effects = machine.step(event(&step["event"]), at, &mut || draws.draw());
        let effects: Vec<Value> = effects.iter().map(told_effect).collect();
        assert_eq!(Value::from(effects), step["effects"], "{place}");
        assert_eq!(told_state(&machine), with_unsaid(&step["state"]), "{place}");
        assert_eq!(millis(machine.deadline()), step["deadline"], "{place}");
    }
    assert!(
        draws.rest.is_none_or(|rest| rest.is_empty()),
        "{name}: every draw is used"
    );
}

/// A number for every draw, or a list that must be used up exactly.
struct Draws<'a> {
    name: &'a str,
    always: f64,
    rest: Option<Vec<f64>>,
}

impl<'a> Draws<'a> {
    fn of(random: Option<&Value>, name: &'a str) -> Self {
        let list = random.and_then(Value::as_array);
        Self {
            name,
            always: random.and_then(Value::as_f64).unwrap_or(0.5),
            rest: list.map(|list| list.iter().rev().map(|draw| draw.as_f64().unwrap()).collect()),
        }
    }

    fn draw(&mut self) -> f64 {
        match &mut self.rest {
            None => self.always,
            Some(rest) => rest
                .pop()
                .unwrap_or_else(|| panic!("{}: one draw too many", self.name)),
        }
    }
}

fn policy(fields: &Value) -> Policy {
    let mut policy = Policy::default();
    for (field, value) in fields.as_object().unwrap_or(&Map::new()) {
        let number = value.as_u64().unwrap();
        let time = Duration::from_millis(number);
        match field.as_str() {
            "attempts" => policy.attempts = u16::try_from(number).unwrap(),
            "cycles" => policy.cycles = u16::try_from(number).unwrap(),
            "firstDelayMs" => policy.first_delay = time,
            "maxDelayMs" => policy.max_delay = time,
            "stableMs" => policy.stable = time,
            "calmMs" => policy.calm = time,
            "tokenTimeoutMs" => policy.token_timeout = time,
            "connectTimeoutMs" => policy.connect_timeout = time,
            "preflightTimeoutMs" => policy.preflight_timeout = time,
            "graceMs" => policy.grace = time,
            "probeMs" => policy.probe = time,
            "maxAdviceMs" => policy.max_advice = time,
            "reviveMs" => policy.revive = time,
            "renewBeforeMs" => policy.renew_before = time,
            "dormantProbeMs" => policy.dormant_probe = time,
            _ => panic!("no such policy: {field}"),
        }
    }
    policy
}

fn event(event: &Value) -> Event {
    let time = |field: &str| event[field].as_u64().map(Duration::from_millis);
    let words = |field: &str| event[field].as_str();
    match words("type").unwrap() {
        "connect" => Event::Connect {
            carried: event["carried"].as_u64().map_or(0, |n| u32::try_from(n).unwrap()),
        },
        "close" => Event::Close,
        "token" => Event::Token,
        "tokenFailed" => Event::TokenFailed {
            cause: words("cause").map(CauseName::parse),
            stop: words("retry") == Some("stop"),
            detail: words("detail").map(Into::into),
        },
        "opened" => Event::Opened,
        "welcomed" => Event::Welcomed {
            heartbeat: time("heartbeatMs"),
            token_expires_in: time("tokenExpiresInMs"),
        },
        "heard" => Event::Heard,
        "closed" => Event::closed(
            u16::try_from(event["code"].as_u64().unwrap()).unwrap(),
            words("reason").unwrap(),
        ),
        "failed" => Event::Failed(problem(&event["problem"]).unwrap()),
        "named" => Event::Named(problem(&event["problem"])),
        "wake" => Event::Wake,
        "offline" => Event::Offline,
        "online" => Event::Online,
        "hidden" => Event::Hidden,
        "visible" => Event::Visible,
        "frozen" => Event::Frozen,
        "resumed" => Event::Resumed,
        "expiring" => Event::Expiring {
            token_expires_in: time("tokenExpiresInMs"),
        },
        "renewed" => Event::Renewed {
            token_expires_in: time("tokenExpiresInMs"),
        },
        "renewFailed" => Event::RenewFailed,
        other => panic!("no such event: {other}"),
    }
}

fn problem(problem: &Value) -> Option<Problem> {
    let fields = problem.as_object()?;
    let retries = [
        Retry::Refresh,
        Retry::Backoff,
        Retry::Wait,
        Retry::Stop,
        Retry::Resume,
    ];
    Some(Problem {
        cause: fields["cause"].as_str().map(CauseName::parse),
        code: u16::try_from(fields["code"].as_u64().unwrap()).unwrap(),
        retry: *retries
            .iter()
            .find(|retry| fields["retry"] == retry.as_str())
            .unwrap(),
        detail: problem["detail"].as_str().map(Into::into),
        retry_in: problem["retryInMs"].as_u64().map(Duration::from_millis),
    })
}

fn told_effect(effect: &Effect) -> Value {
    match effect {
        Effect::Token { refused, in_band } => {
            json!({"type": "token", "refused": refused.as_ref().map(CauseName::as_str), "inBand": in_band})
        }
        Effect::Open => json!({"type": "open"}),
        Effect::Shut { code, reason } => json!({"type": "shut", "code": code, "reason": reason}),
        Effect::Ping => json!({"type": "ping"}),
        Effect::Preflight => json!({"type": "preflight"}),
        Effect::Renew => json!({"type": "renew"}),
        Effect::Remember { spent } => json!({"type": "remember", "spent": spent}),
    }
}

fn told_state(machine: &Machine) -> Value {
    let state = machine.state();
    json!({
        "name": state.name.as_str(),
        "cause": state.cause().map(CauseName::as_str),
        "code": state.code(),
        "detail": state.detail(),
        "willRetry": state.will_retry(),
        "retryInMs": millis(state.retry_in),
        "attempt": state.attempt,
        "of": state.of,
        "cycle": state.cycle,
        "spent": state.spent,
        "held": state.held.map(Held::as_str),
        "exhausted": state.exhausted,
    })
}

/// What a state leaves out when there is nothing to say.
fn with_unsaid(state: &Value) -> Value {
    let mut whole = json!({"detail": null, "held": null, "exhausted": false});
    let fields = whole.as_object_mut().unwrap();
    fields.extend(state.as_object().unwrap().clone());
    whole
}

/// Fails on times that the machine made finer than a millisecond.
fn millis(time: Option<Duration>) -> Value {
    time.map_or(Value::Null, |time| {
        assert_eq!(time.subsec_nanos() % 1_000_000, 0, "{time:?}");
        u64::try_from(time.as_millis()).unwrap().into()
    })
}
