//! Charla's own clients: the state machine of the real client, fed with what happens.

use std::time::Duration;

use charla_client::closes::Problem;
use charla_client::machine::{Effect, Event, Machine, Name, Policy as Numbers};
use charla_wire::{Cause, cause};

use super::super::random::Random;
use super::{News, Next, Policy};

/// How long a client has been connected when the storm begins: past all memory of how it got there.
const CONNECTED_FOR: Duration = Duration::from_secs(3_600);
/// What is left of its token then, evenly: they live for an hour, and those with a minute left were replaced before.
const TOKEN_LEFT_MS: (u32, u32) = (61_000, 3_600_000);
/// RFC 6455, 7.4.1: the frame of a restart, and no frame at all.
const SERVICE_RESTART: u16 = 1012;
const ABNORMAL: u16 = 1006;

/// All of them begin alike, but for what is left of their tokens.
#[derive(Debug)]
pub(crate) struct Clients {
    connecting: Machine,
}

impl Clients {
    /// With the real client's numbers.
    pub(crate) fn new() -> Self {
        let mut machine = Machine::new(Numbers::default());
        for event in [Event::Connect { carried: 0 }, Event::Token, Event::Opened] {
            machine.step(event, Duration::ZERO, &mut || 0.5);
        }
        Self { connecting: machine }
    }
}

impl Policy for Clients {
    type Client = Machine;

    fn client(&self, random: &mut Random) -> Machine {
        let (least, end) = TOKEN_LEFT_MS;
        let left = Duration::from_millis(random.between(least, end).into());
        let mut machine = self.connecting.clone();
        let welcomed = Event::Welcomed {
            heartbeat: None,
            token_expires_in: Some(CONNECTED_FOR + left),
        };
        machine.step(welcomed, Duration::ZERO, &mut || 0.5);
        machine.step(Event::Heard, CONNECTED_FOR, &mut || 0.5);
        machine
    }

    fn told(&self, machine: &mut Machine, news: News, at_ms: u32, random: &mut Random) -> Next {
        let mut random = || random.unit();
        let at = CONNECTED_FOR + Duration::from_millis(at_ms.into());
        // What was due before the news came goes first. It may be another request: then the news comes too late.
        while let Some(due) = machine.deadline().filter(|&due| due < at) {
            if let Some(next) = asked(&machine.step(Event::Wake, due, &mut random), due) {
                return next;
            }
        }
        let mut now = at;
        let mut effects = machine.step(event(news), now, &mut random);
        loop {
            if let Some(next) = asked(&effects, now) {
                return next;
            }
            match (machine.name(), machine.deadline()) {
                (Name::Connected, _) => return Next::Back(since_the_loss_ms(now)),
                (_, None) => return Next::Stop,
                (_, Some(due)) => {
                    now = now.max(due);
                    effects = machine.step(Event::Wake, now, &mut random);
                }
            }
        }
    }
}

fn event(news: News) -> Event {
    match news {
        News::Lost { advice_ms: None } | News::Failed { .. } => Event::closed(ABNORMAL, ""),
        News::Lost {
            advice_ms: Some(advice_ms),
        } => {
            let reason = cause::close_reason(Cause::Restarting, &format!("retry in {advice_ms} ms"));
            Event::closed(SERVICE_RESTART, &reason)
        }
        News::Welcomed { .. } => Event::Welcomed {
            heartbeat: None,
            token_expires_in: None,
        },
        News::Token => Event::Token,
        News::Preflight { answered: true } => Event::Named(None),
        News::Preflight { answered: false } => {
            Event::Named(Some(Problem::of_cause(Cause::ServerUnreachable)))
        }
    }
}

/// The request among what the machine wants done: it never wants two at once.
fn asked(effects: &[Effect], now: Duration) -> Option<Next> {
    let at_ms = since_the_loss_ms(now);
    effects.iter().find_map(|effect| match effect {
        Effect::Token { .. } => Some(Next::Token(at_ms)),
        Effect::Open => Some(Next::Attempt(at_ms)),
        Effect::Preflight => Some(Next::Preflight(at_ms)),
        // Sockets, timers and storage of a browser cost the server nothing.
        Effect::Shut { .. } | Effect::Ping | Effect::Renew | Effect::Remember { .. } => None,
    })
}

fn since_the_loss_ms(now: Duration) -> u32 {
    u32::try_from(now.saturating_sub(CONNECTED_FOR).as_millis()).unwrap_or(u32::MAX)
}
