//! A crowd of one policy, from the loss of its server until everybody is back, has given up, or nobody watches.

use std::time::Duration;

use charla_server::returns::{Line, SUCCESSOR_READY};

use super::calendar::Calendar;
use super::policy::formula::Formula;
use super::policy::{News, Next, Policy, Which, charla};
use super::random::Random;
use super::scene::{NOTICED_WITHIN_MS, Scene, TOKEN_MS, TRIP_MS};
use super::server::{Fate, Server};
use super::tally::Tally;

/// Lives through the storm.
pub(super) fn weather(which: Which, scene: &Scene) -> Tally {
    match which.formula() {
        Some(formula) => Crowd::<Formula>::new(&formula, scene).run(),
        None => Crowd::new(&charla::Clients::new(), scene).run(),
    }
}

struct Crowd<'a, P: Policy> {
    policy: &'a P,
    scene: &'a Scene,
    clients: Vec<Client<P::Client>>,
    calendar: Calendar,
    server: Server,
    farewell: Option<Farewell>,
    random: Random,
    tally: Tally,
}

/// A server that says goodbye: it calls its clients back as the real one does, with the real one's waiting line.
struct Farewell {
    line: Line,
    rate: f64,
    /// Its own, so that those who cannot read what it says live through the same storm without it.
    random: Random,
}

impl Farewell {
    fn of(scene: &Scene) -> Self {
        Self {
            line: Line::default(),
            rate: scene.accept_rate.into(),
            random: Random::new(!scene.seed),
        }
    }

    /// What the next client is told.
    fn advice_ms(&mut self) -> Option<u32> {
        let delay = self
            .line
            .place(Duration::ZERO, SUCCESSOR_READY, self.rate, self.random.unit());
        u32::try_from(delay.as_millis()).ok()
    }
}

/// All that is touched when one acts, in one place.
struct Client<C> {
    memory: C,
    attempts: u32,
    /// What it does at its appointment.
    request: Request,
}

#[derive(Debug, Clone, Copy)]
enum Request {
    Attempt,
    Preflight,
    Token,
}

impl<'a, P: Policy> Crowd<'a, P> {
    fn new(policy: &'a P, scene: &'a Scene) -> Self {
        let mut random = Random::new(scene.seed);
        let clients = (0..scene.clients).map(|_| Client {
            memory: policy.client(&mut random),
            attempts: 0,
            request: Request::Attempt,
        });
        Self {
            policy,
            scene,
            clients: clients.collect(),
            calendar: Calendar::new(),
            server: Server::new(scene),
            farewell: scene.announced.then(|| Farewell::of(scene)),
            random,
            tally: Tally::new(scene),
        }
    }

    fn run(mut self) -> Tally {
        for number in 0..self.scene.clients {
            let at_ms = self.random.between(0, NOTICED_WITHIN_MS);
            let advice_ms = self.farewell.as_mut().and_then(Farewell::advice_ms);
            if let Some(client) = self.clients.get_mut(number as usize) {
                let news = News::Lost { advice_ms };
                let next = self
                    .policy
                    .told(&mut client.memory, news, at_ms, &mut self.random);
                self.follow(number, next);
            }
        }
        let mut due = Vec::new();
        while let Some(now_ms) = self.calendar.next(self.scene.end_ms, &mut due) {
            // A million clients lie anywhere in memory: fetched together first, the processor waits once, not each time.
            let fetched = due.iter().filter_map(|&number| self.clients.get(number as usize));
            std::hint::black_box(fetched.fold(0, |all, client| all ^ client.attempts));
            for &number in &due {
                self.act(number, now_ms);
            }
        }
        let attempts = self.clients.iter().map(|client| client.attempts);
        self.tally.close(self.calendar.waiting(), attempts);
        self.tally
    }

    /// Carries a client's request out, tells it the answer, and makes its next appointment.
    fn act(&mut self, number: u32, now_ms: u32) {
        let Some(client) = self.clients.get_mut(number as usize) else {
            return;
        };
        let (least, end) = TRIP_MS;
        let trip_ms = self.random.between(least, end);
        let (news, at_ms) = match client.request {
            Request::Token => {
                self.tally.token(now_ms);
                (News::Token, now_ms + TOKEN_MS)
            }
            Request::Preflight => {
                self.tally.preflight(now_ms);
                match self.server.preflight(now_ms) {
                    Fate::Down | Fate::Refused => (News::Preflight { answered: false }, now_ms + trip_ms),
                    Fate::Served { at_ms } => (News::Preflight { answered: true }, at_ms + trip_ms),
                }
            }
            Request::Attempt => {
                client.attempts += 1;
                self.tally.attempt(now_ms);
                match self.server.handshake(now_ms) {
                    Fate::Down | Fate::Refused => (News::Failed { asked_ms: now_ms }, now_ms + trip_ms),
                    Fate::Served { at_ms } => {
                        self.tally.accepted(at_ms);
                        (News::Welcomed { asked_ms: now_ms }, at_ms + trip_ms)
                    }
                }
            }
        };
        let next = self
            .policy
            .told(&mut client.memory, news, at_ms, &mut self.random);
        self.follow(number, next);
    }

    fn follow(&mut self, number: u32, next: Next) {
        let (request, at_ms) = match next {
            Next::Attempt(at_ms) => (Request::Attempt, at_ms),
            Next::Preflight(at_ms) => (Request::Preflight, at_ms),
            Next::Token(at_ms) => (Request::Token, at_ms),
            Next::Back(at_ms) if at_ms <= self.scene.end_ms => return self.tally.back(at_ms),
            // Nobody watches any more.
            Next::Back(at_ms) => (Request::Attempt, at_ms),
            Next::Stop => return self.tally.gave_up(),
        };
        if let Some(client) = self.clients.get_mut(number as usize) {
            client.request = request;
        }
        self.calendar.put(number, at_ms);
    }
}
