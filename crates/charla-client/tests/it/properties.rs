//! What holds of the reconnect machine whatever happens to it: a watcher beside long seeded sequences of events.

use std::collections::BTreeSet;
use std::time::Duration;

use charla_client::Problem;
use charla_client::machine::{Effect, Event, Held, Name, Policy, State};
use charla_wire::Cause;

use crate::clock::{Clock, Draws};

const SEQUENCES: u64 = 400;
const EVENTS: usize = 400;

const CLOSES: [(u16, &str); 9] = [
    (1006, ""),
    (1000, ""),
    (1011, "internal_error"),
    (1012, "restarting: retry in 10 ms"),
    (4429, "rate_limited: retry in 999999 ms"),
    (4401, "token_expired"),
    (4401, "token_revoked"),
    (4508, "slow_consumer"),
    (4999, ""),
];

fn policies() -> [Policy; 4] {
    let policy = Policy::default;
    [
        policy(),
        Policy {
            attempts: 1,
            cycles: 1,
            ..policy()
        },
        Policy {
            attempts: 2,
            cycles: 3,
            dormant_probe: Duration::from_secs(45),
            ..policy()
        },
        Policy {
            attempts: 3,
            cycles: 2,
            connect_timeout: Duration::from_millis(500),
            token_timeout: Duration::from_millis(700),
            stable: Duration::from_millis(900),
            ..policy()
        },
    ]
}

/// Keeps its own books, by what comes out and what it was told, and sees of the machine only what everybody sees.
struct Watcher {
    clock: Clock,
    policy: Policy,
    online: bool,
    visible: bool,
    frozen: bool,
    total: u32,
    books: Books,
    heartbeat: Duration,
    welcomed_at: Duration,
    revived_at: Option<Duration>,
}

/// Since the budget was last fresh.
#[derive(Default)]
struct Books {
    counted: i32,
    free: i32,
    /// The attempt under way is.
    was_free: bool,
    preflights: i32,
}

/// One event, seen from outside.
struct Turn {
    event: Event,
    before: State,
    /// The connection had been up long enough to be trusted.
    trusted: bool,
}

impl Watcher {
    fn new(policy: &Policy, seed: u64) -> Self {
        Self {
            clock: Clock::new(policy.clone(), seed),
            policy: policy.clone(),
            online: true,
            visible: true,
            frozen: false,
            total: 0,
            books: Books::default(),
            heartbeat: Duration::from_secs(25),
            welcomed_at: Duration::ZERO,
            revived_at: None,
        }
    }

    fn watched(&self) -> bool {
        self.visible && !self.frozen
    }

    fn feed(&mut self, event: Event) {
        let before = self.clock.machine.state();
        let up = self.clock.now - self.welcomed_at;
        self.tell(&event);
        let effects = self.clock.feed(event.clone());
        let after = self.clock.machine.state();
        let trusted = before.name == Name::Connected && up >= self.policy.stable;
        let turn = Turn {
            event,
            before,
            trusted,
        };
        let idle_before = !matches!(
            turn.before.name,
            Name::Refreshing | Name::Connecting | Name::Connected
        );
        if trusted || (matches!(turn.event, Event::Connect { .. }) && idle_before) {
            self.books = Books::default();
        }
        if turn.before.name == Name::Disabled && after.name != Name::Disabled {
            self.leaves_disabled(&turn);
        }
        if turn.before.name == Name::Connecting && after.name == Name::Connected {
            self.welcomed_at = self.clock.now;
            if let Event::Welcomed {
                heartbeat: Some(heartbeat),
                ..
            } = turn.event
            {
                self.heartbeat = heartbeat;
            }
        }
        self.account(&effects, &turn, &after);
        self.rests(&after, &turn.event);
    }

    fn tell(&mut self, event: &Event) {
        if matches!(event, Event::Online | Event::Offline) {
            self.online = *event == Event::Online;
        }
        if matches!(event, Event::Visible | Event::Hidden) {
            self.visible = *event == Event::Visible;
        }
        if matches!(event, Event::Visible | Event::Resumed | Event::Frozen) {
            self.frozen = *event == Event::Frozen;
        }
    }

    fn leaves_disabled(&mut self, turn: &Turn) {
        if matches!(turn.event, Event::Connect { .. } | Event::Close) {
            return;
        }
        assert!(turn.before.exhausted, "a refusal was lifted by {:?}", turn.event);
        assert!(
            matches!(turn.event, Event::Online | Event::Visible | Event::Named(_)),
            "revived by {:?}",
            turn.event
        );
        let since = self.revived_at.map(|at| self.clock.now - at);
        assert!(
            since.is_none_or(|since| since >= self.policy.revive),
            "revived twice in a minute"
        );
        self.revived_at = Some(self.clock.now);
        self.books = Books::default();
    }

    fn account(&mut self, effects: &[Effect], turn: &Turn, after: &State) {
        let brought = turn.before.name == Name::Refreshing && turn.event == Event::Token;
        let attempts = tally(effects, |effect| match effect {
            Effect::Token { in_band, .. } => !in_band,
            Effect::Open => !brought,
            Effect::Shut { .. }
            | Effect::Ping
            | Effect::Preflight
            | Effect::Renew
            | Effect::Remember { .. } => false,
        });
        let counted = self.remembered(effects, turn.trusted);
        let lost_offline = after.held == Some(Held::Offline)
            && matches!(
                turn.before.name,
                Name::Refreshing | Name::Connecting | Name::Connected
            );
        // What ended for want of a network cost nothing, so it may be had again.
        self.books.free -= i32::from(self.books.was_free && lost_offline);
        self.books.free += attempts - counted;
        if attempts > 0 {
            self.books.was_free = attempts > counted;
        }
        if turn.before.name != Name::Disabled {
            self.books.preflights += tally(effects, |effect| *effect == Effect::Preflight);
        }
        let Books {
            counted: spent,
            free,
            preflights,
            ..
        } = self.books;
        let budget = i32::from(self.policy.attempts * self.policy.cycles);
        assert!(spent <= budget, "{spent} attempts of {budget}");
        assert!(free <= 1, "{free} attempts were free");
        assert!(
            preflights <= i32::from(self.policy.cycles),
            "{preflights} preflights"
        );
        if !matches!(turn.event, Event::Connect { .. }) {
            assert!(attempts == 0 || self.online, "an attempt without a network");
            assert!(counted == 0 || self.watched(), "an attempt was spent unseen");
        }
    }

    /// Attempts that were counted in this step, as the tab is told to remember them.
    fn remembered(&mut self, effects: &[Effect], trusted: bool) -> i32 {
        let mut counted = 0;
        for effect in effects {
            let Effect::Remember { spent } = *effect else {
                continue;
            };
            if spent == self.total + 1 {
                counted += 1;
            } else if !trusted || spent != 0 {
                assert_eq!(spent + 1, self.total, "remembers what it spent");
                assert!(
                    !self.online,
                    "an attempt was given back although there is a network"
                );
                self.books.counted -= 1;
            }
            self.total = spent;
        }
        self.books.counted += counted;
        counted
    }

    fn rests(&self, state: &State, event: &Event) {
        let deadline = self.clock.machine.deadline();
        let State {
            name, held, retry_in, ..
        } = *state;
        if *event == Event::Wake {
            assert!(
                deadline.is_none_or(|at| at > self.clock.now),
                "{name} is due again at once"
            );
        }
        match name {
            Name::Refreshing | Name::Connecting => assert!(deadline.is_some(), "{name}"),
            Name::Connected => assert!(deadline.is_some() || self.heartbeat.is_zero(), "{name}"),
            Name::Idle | Name::Closed => assert!(deadline.is_none(), "{name}"),
            Name::Disabled => {
                let dormant = state.exhausted && !self.policy.dormant_probe.is_zero();
                assert_eq!(deadline.is_some(), dormant);
            }
            Name::Waiting => {
                assert_eq!(deadline.is_none(), held.is_some());
                assert_eq!(retry_in.is_none(), held.is_some());
                let longest = self.policy.max_delay.max(self.policy.max_advice);
                assert!(retry_in.is_none_or(|delay| delay <= longest));
                assert!(
                    held != Some(Held::Offline) || !self.online,
                    "held offline with a network"
                );
                assert!(
                    held != Some(Held::Hidden) || !self.watched(),
                    "held unseen in plain sight"
                );
            }
        }
        assert!(name == Name::Waiting || retry_in.is_none());
        assert!(state.attempt <= self.policy.attempts);
        assert!((1..=self.policy.cycles).contains(&state.cycle));
    }

    /// Something of what may happen, each as likely as it must be for long lives and short ones.
    fn happen(&mut self) {
        let draws = &mut self.clock.draws;
        let kinds: Vec<u8> = (0..31).collect();
        match *draws.one(&kinds) {
            0..=2 => self.wake(Duration::ZERO),
            3 => {
                let late = *draws.one(&[1, 3_999, 60_000, 7_200_000]);
                self.wake(Duration::from_millis(late));
            }
            4 => self.feed(Event::Wake),
            5 => self.pass(2_000.0),
            6 => self.pass(100_000.0),
            // Not so often that no life is long.
            29 if draws.draw() > 0.1 => {}
            30 if draws.draw() > 0.2 => {}
            kind => {
                let event = any_event(kind, draws);
                self.feed(event);
            }
        }
    }

    fn wake(&mut self, late: Duration) {
        if let Some(deadline) = self.clock.machine.deadline() {
            self.clock.now = self.clock.now.max(deadline + late);
        }
        self.feed(Event::Wake);
    }

    /// Up to that many milliseconds, not beyond the deadline.
    fn pass(&mut self, most: f64) {
        let time = Duration::from_secs_f64((self.clock.draws.draw() * most).floor() / 1_000.0);
        let to = self.clock.now + time;
        let due = self.clock.machine.deadline().unwrap_or(to);
        self.clock.now = self.clock.now.max(to.min(due));
    }

    /// With a network and a reader, and a server that never lets it in: the machine comes to rest.
    fn comes_to_rest(&mut self) {
        for event in [Event::Online, Event::Visible, Event::Resumed] {
            self.feed(event);
        }
        for _ in 0..300 {
            match self.clock.machine.name() {
                Name::Refreshing => self.feed(Event::Token),
                Name::Connecting | Name::Connected => {
                    self.feed(Event::closed(1011, "internal_error"));
                }
                Name::Waiting => self.wake(Duration::ZERO),
                Name::Idle | Name::Disabled | Name::Closed => return,
            }
        }
        panic!("it never rests: {:?}", self.clock.machine);
    }
}

fn any_event(kind: u8, draws: &mut Draws) -> Event {
    let seconds = |time: u64| Some(Duration::from_secs(time));
    let token_expires_in = *draws.one(&[None, seconds(0), seconds(20), seconds(500)]);
    match kind {
        7..=9 => {
            let (code, reason) = *draws.one(&CLOSES);
            Event::closed(code, reason)
        }
        10 => Event::Failed(draws.one(&problems()).clone()),
        11..=13 => Event::Token,
        14 => Event::TokenFailed {
            cause: None,
            stop: draws.draw() < 0.1,
            detail: None,
        },
        15 => Event::Opened,
        16 => {
            let heartbeat = *draws.one(&[None, seconds(0), seconds(25)]);
            Event::Welcomed {
                heartbeat,
                token_expires_in,
            }
        }
        17 => Event::Welcomed {
            heartbeat: seconds(25),
            token_expires_in,
        },
        18 => Event::Heard,
        19 if draws.draw() < 0.2 => Event::Named(None),
        19 => Event::Named(Some(draws.one(&problems()).clone())),
        20 => Event::Offline,
        21 => Event::Online,
        22 => Event::Hidden,
        23 => Event::Visible,
        24 => Event::Frozen,
        25 => Event::Resumed,
        26 => Event::Expiring { token_expires_in },
        27 => Event::Renewed { token_expires_in },
        28 => Event::RenewFailed,
        29 => Event::Close,
        _ => Event::Connect {
            carried: *draws.one(&[0, 14, 15, 60]),
        },
    }
}

fn problems() -> [Problem; 4] {
    let overloaded = Problem::of_cause(Cause::Overloaded);
    [
        Problem::of_cause(Cause::ServerDown),
        Problem {
            retry_in: Some(Duration::from_secs(5)),
            ..overloaded
        },
        Problem::of_cause(Cause::TokenExpired),
        Problem::of_cause(Cause::NotAMember),
    ]
}

fn tally(effects: &[Effect], counts: impl Fn(&Effect) -> bool) -> i32 {
    let many = effects.iter().filter(|effect| counts(effect)).count();
    i32::try_from(many).unwrap()
}

#[test]
fn no_sequence_of_events_exceeds_the_budget_hangs_or_lifts_a_refusal() {
    for policy in policies() {
        let mut reached = BTreeSet::new();
        for seed in 1..=SEQUENCES {
            let mut watcher = Watcher::new(&policy, seed);
            watcher.total = if seed % 5 == 0 { 20 } else { 0 };
            watcher.feed(Event::Connect {
                carried: watcher.total,
            });
            for _ in 0..EVENTS {
                watcher.happen();
                let state = watcher.clock.machine.state();
                let held = state.held.map(Held::as_str);
                reached.insert(held.unwrap_or(if state.exhausted {
                    "exhausted"
                } else {
                    state.name.as_str()
                }));
            }
            watcher.comes_to_rest();
        }
        let all = [
            "closed",
            "connected",
            "connecting",
            "disabled",
            "exhausted",
            "hidden",
            "offline",
            "refreshing",
            "waiting",
        ];
        assert!(reached.into_iter().eq(all), "the sequences lead everywhere");
    }
}
