//! What people do: they talk, type, read, look back, correct themselves, leave and come back; some knock in vain, some stop reading.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::people::{Figures, HABITS, Habit, Owner, Person, Phase, Said, id};
use super::sample::Samples;
use super::town::{self, PEOPLE, Town};
use crate::failure::{Failure, Outcome};
use crate::load::message::{kind, number_field};
use crate::load::{Event, Pool, frame};

/// How long what is under way at the end may take.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);
/// How long somebody stays away.
const AWAY: Duration = Duration::from_secs(3);
/// How long a connection that stopped reading is kept: longer than the server's patience.
const SLOW_FOR: Duration = Duration::from_secs(30);
/// Pages of history that it asks for without reading them: below the burst that one connection may ask.
const SLOW_PAGES: usize = 50;
/// The receive buffer of a connection that stops reading.
const NARROW: usize = 4 * 1024;

/// An evening under way.
pub(crate) struct Evening<'t> {
    town: &'t Town,
    pool: Pool,
    people: Vec<Person>,
    owners: Vec<Owner>,
    /// Connections that stop reading, to be dropped.
    slow: Vec<usize>,
    said: HashMap<[u8; 16], Said>,
    /// Sends without an answer: who, and the id, by reference.
    pending: HashMap<u64, (usize, [u8; 16])>,
    due: Vec<(Habit, Duration, Instant)>,
    dice: u64,
    figures: Figures,
}

/// What a connection said, taken out of the pool's hands.
enum Heard {
    Text(usize, Vec<u8>),
    Closed(usize, String),
}

impl<'t> Evening<'t> {
    /// Everybody comes.
    pub(crate) fn begin(town: &'t Town) -> Outcome<Self> {
        let now = Instant::now();
        let mut evening = Self {
            town,
            pool: Pool::new()?,
            people: Vec::new(),
            owners: Vec::new(),
            slow: Vec::new(),
            said: HashMap::new(),
            pending: HashMap::new(),
            due: HABITS
                .map(|(habit, every)| {
                    (
                        habit,
                        Duration::from_millis(every),
                        now + Duration::from_millis(every),
                    )
                })
                .into(),
            dice: 1,
            figures: Figures::default(),
        };
        for _ in 0..PEOPLE {
            evening.people.push(Person {
                phase: Phase::Away { until: now },
                connection: usize::MAX,
                place: None,
                own: None,
            });
        }
        Ok(evening)
    }

    /// Goes on for so long.
    pub(crate) fn last(&mut self, span: Duration, samples: &mut Samples) -> Outcome<()> {
        let ends = Instant::now() + span;
        while Instant::now() < ends {
            self.turn(samples)?;
            self.come_back()?;
            let now = Instant::now();
            for place in 0..self.due.len() {
                let Some((habit, every, at)) = self.due.get_mut(place) else {
                    continue;
                };
                if *at <= now {
                    // A machine that was busy does not make up for it with a burst.
                    *at = (*at + *every).max(now);
                    let habit = *habit;
                    self.follow(habit)?;
                }
            }
        }
        Ok(())
    }

    /// Everybody falls silent, then leaves; what was said is handed over.
    pub(crate) fn end(mut self, samples: &mut Samples) -> Outcome<(Figures, HashMap<[u8; 16], Said>)> {
        self.settle(samples, "answers", |evening| Ok(evening.pending.len()))?;
        for place in 0..self.people.len() {
            self.depart(place, true)?;
        }
        for connection in 0..self.pool.len() {
            self.forget(connection);
        }
        self.pending.clear();
        self.settle(samples, "connections that end", |evening| {
            Ok(usize::try_from(evening.town.connections()?).unwrap_or(usize::MAX))
        })?;
        Ok((self.figures, self.said))
    }

    fn settle(
        &mut self,
        samples: &mut Samples,
        what: &str,
        left: impl Fn(&Self) -> Outcome<usize>,
    ) -> Outcome<()> {
        let began = Instant::now();
        loop {
            let left = left(self)?;
            if left == 0 {
                return Ok(());
            }
            if began.elapsed() > SETTLES_WITHIN {
                return Err(Failure::Stalled {
                    what: what.to_owned(),
                    after: SETTLES_WITHIN,
                    expected: 0,
                    seen: left as u64,
                });
            }
            self.turn(samples)?;
        }
    }

    /// Waits a little and hears what there is.
    fn turn(&mut self, samples: &mut Samples) -> Outcome<()> {
        samples.look(self.figures.acked)?;
        let mut heard = Vec::new();
        self.pool
            .turn(Duration::from_millis(20), &mut |connection, event| match event {
                Event::Open => {}
                Event::Text(payload) => heard.push(Heard::Text(connection, payload.to_vec())),
                Event::Closed(reason) => heard.push(Heard::Closed(connection, reason)),
            })?;
        for one in heard {
            match one {
                Heard::Text(connection, payload) => self.hear(connection, &payload)?,
                Heard::Closed(connection, reason) => self.closed(connection, reason),
            }
        }
        Ok(())
    }

    fn below(&mut self, sides: usize) -> usize {
        // A linear congruence (Knuth's MMIX) is chance enough.
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.dice >> 33).unwrap_or_default() % sides.max(1)
    }

    /// Somebody who is there.
    fn somebody(&mut self) -> Option<usize> {
        let place = self.below(PEOPLE);
        let is_there = |person: &Person| matches!(person.phase, Phase::There);
        self.people
            .get(place)
            .filter(|person| is_there(person))
            .map(|_| place)
    }

    fn open(&mut self, request: &[u8], owner: Owner, narrow: Option<usize>) -> Outcome<usize> {
        let connection = self.pool.connect(self.town.address(), request, narrow)?;
        self.owners.resize(connection + 1, Owner::Nobody);
        if let Some(slot) = self.owners.get_mut(connection) {
            *slot = owner;
        }
        Ok(connection)
    }

    fn come_back(&mut self) -> Outcome<()> {
        let now = Instant::now();
        for place in 0..self.people.len() {
            let Some(person) = self.people.get(place) else {
                continue;
            };
            if matches!(person.phase, Phase::Away { until } if until <= now) {
                let request = self.town.handshake(place, person.place);
                let connection = self.open(&request, Owner::Person(place), None)?;
                if let Some(person) = self.people.get_mut(place) {
                    person.phase = Phase::Coming;
                    person.connection = connection;
                }
            }
        }
        let slow = std::mem::take(&mut self.slow);
        for connection in slow {
            match self.owners.get(connection) {
                Some(Owner::Slow { ends }) if *ends <= now => {
                    self.figures.slow += 1;
                    self.forget(connection);
                }
                Some(Owner::Slow { .. }) => self.slow.push(connection),
                _ => {}
            }
        }
        Ok(())
    }

    fn forget(&mut self, connection: usize) {
        self.pool.close(connection);
        if let Some(owner) = self.owners.get_mut(connection) {
            *owner = Owner::Nobody;
        }
    }

    /// Somebody leaves, with a word or without.
    fn depart(&mut self, place: usize, politely: bool) -> Outcome<()> {
        let Some(person) = self.people.get_mut(place) else {
            return Ok(());
        };
        if !matches!(person.phase, Phase::There | Phase::Coming) {
            return Ok(());
        }
        let connection = person.connection;
        person.phase = Phase::Away {
            until: Instant::now() + AWAY,
        };
        if politely {
            let mut bytes = Vec::new();
            frame::write_client(frame::CLOSE, &1000_u16.to_be_bytes(), &mut bytes);
            self.pool.send(connection, &bytes)?;
        }
        self.forget(connection);
        // Whether they were stored will be seen.
        self.pending.retain(|_, (who, _)| *who != place);
        Ok(())
    }

    fn send(&mut self, connection: usize, json: &str) -> Outcome<()> {
        let mut bytes = Vec::with_capacity(json.len() + 14);
        frame::write_client(frame::TEXT, json.as_bytes(), &mut bytes);
        self.pool.send(connection, &bytes)
    }

    fn follow(&mut self, habit: Habit) -> Outcome<()> {
        match habit {
            Habit::KnockInVain => {
                self.figures.knocks += 1;
                let person = self.below(PEOPLE);
                let token = town::wrong_token(person, self.figures.knocks);
                let request = self.town.handshake_with(person, &token, None);
                self.open(&request, Owner::Knocking, None)?;
            }
            Habit::StopReading => {
                let person = self.below(PEOPLE);
                let request = self.town.handshake(person, None);
                let ends = Instant::now() + SLOW_FOR;
                let connection = self.open(&request, Owner::Slow { ends }, Some(NARROW))?;
                self.slow.push(connection);
            }
            Habit::Call => {
                self.figures.calls += 1;
                let turn = self.below(4 * PEOPLE);
                self.figures.rest_failed += u64::from(!self.town.call(turn)?);
            }
            Habit::Leave => {
                if let Some(place) = self.somebody() {
                    let politely = self.below(2) == 0;
                    self.depart(place, politely)?;
                }
            }
            Habit::Say | Habit::Type | Habit::Read | Habit::LookBack | Habit::Edit => {
                if let Some(place) = self.somebody() {
                    self.speak(habit, place)?;
                }
            }
        }
        Ok(())
    }

    /// What goes over somebody's own connection.
    fn speak(&mut self, habit: Habit, place: usize) -> Outcome<()> {
        let chat = town::chat(place);
        let Some(person) = self.people.get(place) else {
            return Ok(());
        };
        let (connection, seen, own) = (
            person.connection,
            person.place.map_or(0, |(seq, _)| seq),
            person.own,
        );
        let json = match habit {
            Habit::Say => {
                self.figures.sent += 1;
                let number = self.figures.sent;
                let (id, uuid) = id(number);
                self.said.insert(
                    id,
                    Said {
                        chat: chat.clone(),
                        seq: None,
                    },
                );
                self.pending.insert(number, (place, id));
                let words = "a word or two ".repeat(1 + self.below(20));
                format!(r#"{{"type":"send","ref":{number},"chat":"{chat}","id":"{uuid}","text":"{words}"}}"#)
            }
            Habit::Type => {
                self.figures.typed += 1;
                format!(
                    r#"{{"type":"typing","chat":"{chat}","on":{}}}"#,
                    self.figures.typed.is_multiple_of(2)
                )
            }
            Habit::Read => {
                self.figures.marks += 1;
                format!(r#"{{"type":"read","chat":"{chat}","seq":{seen}}}"#)
            }
            Habit::LookBack => {
                self.figures.pages += 1;
                format!(r#"{{"type":"history","chat":"{chat}","before":{seen},"limit":50}}"#)
            }
            Habit::Edit => match own {
                Some(seq) => {
                    self.figures.edits += 1;
                    format!(r#"{{"type":"edit","chat":"{chat}","seq":{seq},"text":"better said"}}"#)
                }
                None => return Ok(()),
            },
            Habit::Leave | Habit::KnockInVain | Habit::Call | Habit::StopReading => return Ok(()),
        };
        self.send(connection, &json)
    }

    fn closed(&mut self, connection: usize, reason: String) {
        let owner = self.owners.get(connection).copied().unwrap_or(Owner::Nobody);
        self.forget(connection);
        if let Owner::Person(place) = owner {
            self.figures.cut_off += 1;
            *self.figures.reasons.entry(reason).or_default() += 1;
            self.pending.retain(|_, (who, _)| *who != place);
            if let Some(person) = self.people.get_mut(place) {
                person.phase = Phase::Away {
                    until: Instant::now() + AWAY,
                };
            }
        }
    }

    fn hear(&mut self, connection: usize, payload: &[u8]) -> Outcome<()> {
        let kind = kind(payload);
        match self.owners.get(connection).copied().unwrap_or(Owner::Nobody) {
            Owner::Person(place) => self.hear_as(place, kind, payload),
            Owner::Knocking => {
                self.figures.let_in += 1;
                Ok(())
            }
            Owner::Slow { .. } if kind == b"subscribed" => {
                let chat = serde_json::from_slice::<Value>(payload)?;
                let chat = chat.get("chat").and_then(Value::as_str).unwrap_or_default();
                let before = town::HISTORY + 1;
                let ask = format!(r#"{{"type":"history","chat":"{chat}","before":{before},"limit":200}}"#);
                for _ in 0..SLOW_PAGES {
                    self.send(connection, &ask)?;
                }
                self.pool.stop_reading(connection)
            }
            Owner::Slow { .. } | Owner::Nobody => Ok(()),
        }
    }

    fn hear_as(&mut self, place: usize, kind: &[u8], payload: &[u8]) -> Outcome<()> {
        let Some(person) = self.people.get_mut(place) else {
            return Ok(());
        };
        match kind {
            b"message" => {
                self.figures.heard += 1;
                let seq = number_field(payload, "seq").unwrap_or_default();
                person.advance(seq, &mut self.figures);
            }
            b"subscribed" => {
                let frame: Value = serde_json::from_slice(payload)?;
                let number = |name| frame.get(name).and_then(Value::as_u64).unwrap_or_default();
                let messages = frame
                    .get("messages")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                if person.place.is_some() {
                    self.figures.returned += 1;
                    for message in messages {
                        let seq = message.get("seq").and_then(Value::as_u64).unwrap_or_default();
                        person.advance(seq, &mut self.figures);
                    }
                    let seen = person.place.map_or(0, |(seq, _)| seq);
                    self.figures.missed += number("seq").saturating_sub(seen);
                }
                person.place = Some((number("seq"), number("rev")));
                person.phase = Phase::There;
            }
            b"edited" | b"deleted" => {
                let rev = number_field(payload, "rev").unwrap_or_default();
                if let Some((_, known)) = &mut person.place {
                    *known = rev.max(*known);
                }
            }
            b"ack" => {
                let answered = number_field(payload, "ref").and_then(|number| self.pending.remove(&number));
                let seq = number_field(payload, "seq");
                if let Some((_, id)) = answered {
                    self.figures.acked += 1;
                    person.own = seq;
                    if let Some(said) = self.said.get_mut(&id) {
                        said.seq = seq;
                    }
                }
            }
            b"error" => {
                self.figures.refused += 1;
                let reason = String::from_utf8_lossy(payload).chars().take(160).collect();
                *self.figures.reasons.entry(reason).or_default() += 1;
                if let Some(number) = number_field(payload, "ref") {
                    self.pending.remove(&number);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
