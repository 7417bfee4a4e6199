//! What is broken, how that is proved, and what an honest doctor calls it.

use std::any::Any;
use std::path::Path;

use charla_ground::{Failure, Outcome};

use crate::handshake::{self, Answer};
use crate::lab::Lab;

mod breakdown;
mod charla;
mod healthy;
mod layer;
mod limits;
mod messages;
mod network;
mod path;
mod permission;
mod redis;
mod routes;
mod server;
mod tls;
mod token;

/// One way in which a stack fails, or one that is well.
pub(crate) struct Scenario {
    /// `token-expired-uvicorn-nginx`.
    pub(crate) name: String,
    /// Which stacks it shares.
    pub(crate) family: &'static str,
    /// How it is broken.
    pub(crate) how: String,
    /// What it should be called.
    pub(crate) expected: Expected,
    /// Part of `--quick`.
    pub(crate) is_quick: bool,
    /// Builds, breaks and proves.
    pub(crate) prepare: Prepare,
}

/// Builds, breaks and proves.
pub(crate) type Prepare = Box<dyn Fn(&mut Lab) -> Outcome<Case>>;

/// What a stack should be called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This cause as the verdict. A second id stands only where both are honest names of one thing.
    Cause(&'static [&'static str]),
    /// The handshake itself succeeds: this cause as the verdict or as the first warning.
    CauseOrWarning(&'static [&'static str]),
    /// Nothing at all.
    Healthy,
}

impl Expected {
    /// The ids.
    pub(crate) fn ids(self) -> &'static [&'static str] {
        match self {
            Self::Cause(ids) | Self::CauseOrWarning(ids) => ids,
            Self::Healthy => &[],
        }
    }
}

/// A broken stack, ready to be looked at. It ends when this is dropped.
pub(crate) struct Case {
    /// What a user types after `charla`.
    pub(crate) arguments: Vec<String>,
    /// What the lab itself saw of it.
    pub(crate) proof: String,
    _keep: Vec<Box<dyn Any>>,
}

impl Case {
    /// To be asked about by its address.
    pub(crate) fn url(url: &str, proof: String) -> Self {
        Self {
            arguments: vec!["doctor".to_owned(), url.to_owned()],
            proof,
            _keep: Vec::new(),
        }
    }

    /// To be read from a log afterwards.
    pub(crate) fn explain(log: &Path, proof: String) -> Self {
        Self {
            arguments: vec!["explain".to_owned(), log.display().to_string()],
            proof,
            _keep: Vec::new(),
        }
    }

    /// With more of what a user types.
    pub(crate) fn and(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With the application's log, because the process that would lead there is gone.
    pub(crate) fn log(self, log: &Path) -> Self {
        self.and(&["--log", &log.display().to_string()])
    }

    /// Keeps something alive until the doctor has looked.
    pub(crate) fn keep(mut self, what: impl Any) -> Self {
        self._keep.push(Box::new(what));
        self
    }
}

/// A list of scenarios in the making.
pub(crate) struct Family {
    name: &'static str,
    scenarios: Vec<Scenario>,
}

impl Family {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            scenarios: Vec::new(),
        }
    }

    /// One more.
    fn add(
        &mut self,
        name: impl Into<String>,
        how: impl Into<String>,
        expected: Expected,
        prepare: impl Fn(&mut Lab) -> Outcome<Case> + 'static,
    ) {
        self.scenarios.push(Scenario {
            name: name.into(),
            family: self.name,
            how: how.into(),
            expected,
            is_quick: false,
            prepare: Box::new(prepare),
        });
    }

    /// One more that is broken.
    fn broken(
        &mut self,
        name: impl Into<String>,
        how: impl Into<String>,
        ids: &'static [&'static str],
        prepare: impl Fn(&mut Lab) -> Outcome<Case> + 'static,
    ) {
        self.add(name, how, Expected::Cause(ids), prepare);
    }

    /// One more that opens all the same.
    fn opens(
        &mut self,
        name: impl Into<String>,
        how: impl Into<String>,
        ids: &'static [&'static str],
        prepare: impl Fn(&mut Lab) -> Outcome<Case> + 'static,
    ) {
        self.add(name, how, Expected::CauseOrWarning(ids), prepare);
    }
}

/// One of each kind: `--quick` in ninety seconds.
const QUICK: &[&str] = &[
    "token-expired-uvicorn-nginx",
    "token-bad-signature-daphne",
    "not-a-member-uvicorn",
    "chat-missing-daphne",
    "redis-down-uvicorn",
    "redis-frozen-uvicorn-nginx",
    "redis-wants-password-daphne",
    "layer-missing-uvicorn",
    "server-down",
    "server-frozen-uvicorn",
    "not-asgi-runserver",
    "proxy-no-upgrade",
    "spa-answers",
    "tls-expired",
    "message-not-json",
    "charla-token-expired",
    "healthy-uvicorn-nginx-1",
    "healthy-charla-1",
];

/// All of them, family by family.
pub(crate) fn all() -> Vec<Scenario> {
    let families = [
        token::family(),
        permission::family(),
        routes::family(),
        redis::family(),
        layer::family(),
        server::family(),
        breakdown::family(),
        path::family(),
        limits::family(),
        tls::family(),
        network::family(),
        messages::family(),
        charla::family(),
        healthy::family(),
    ];
    let mut all: Vec<Scenario> = families.into_iter().flat_map(|family| family.scenarios).collect();
    for scenario in &mut all {
        scenario.is_quick = QUICK.contains(&scenario.name.as_str());
    }
    all
}

/// That a handshake is answered with this status.
pub(crate) fn prove_status(url: &str, headers: &[(&str, &str)], expected: u16) -> Outcome<String> {
    match handshake::answer(url, headers, handshake::ANSWER_WITHIN)? {
        Answer::Http(status, head) if status == expected => Ok(Answer::Http(status, head).words()),
        other @ (Answer::Refused | Answer::Silent | Answer::Cut | Answer::Http(..)) => {
            Err(not_broken(&format!("HTTP {expected}"), &other.words()))
        }
    }
}

/// That a handshake comes to this.
pub(crate) fn prove_answer(url: &str, expected: &Answer) -> Outcome<String> {
    let seen = handshake::answer(url, &[], handshake::SILENCE)?;
    if seen == *expected {
        Ok(seen.words())
    } else {
        Err(not_broken(&expected.words(), &seen.words()))
    }
}

/// The stack is not in the state it should be in.
pub(crate) fn not_broken(expected: &str, seen: &str) -> Failure {
    Failure::NotBroken {
        expected: expected.to_owned(),
        seen: seen.to_owned(),
    }
}

/// Where the handshake comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// At the ASGI server itself.
    Direct,
    /// Through nginx.
    Nginx,
}

impl Way {
    /// What a name ends in.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::Nginx => "-nginx",
        }
    }
}
