//! Days and weeks on virtual time: how often a client comes back to a server that does not let it stay.
//!
//! The figures are the browser client's too, to the millisecond, and stand in `docs/reconnect.md`.

use std::time::Duration;

use charla_client::machine::{Effect, Event, Name, Policy};
use charla_client::{CauseName, Problem};
use charla_wire::Cause;

use crate::clock::{Clock, Draws};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const SEEDS: u64 = 400;

fn born(seed: u64) -> Clock {
    let mut clock = Clock::new(Policy::default(), seed);
    clock.feed(Event::Connect { carried: 0 });
    clock
}

/// Accepts, welcomes and closes after that long.
fn flaps(up: Duration, code: u16, reason: &str) -> impl FnMut(&mut Clock) {
    move |clock| {
        clock.feed(Event::Welcomed {
            heartbeat: Some(Duration::ZERO),
            token_expires_in: None,
        });
        clock.pass(up);
        clock.feed(Event::closed(code, reason));
    }
}

/// Smallest, mean and largest.
fn spread(numbers: &[u64]) -> (u64, u64, u64) {
    let sum: u64 = numbers.iter().sum();
    let count = u64::try_from(numbers.len()).unwrap();
    let least = *numbers.iter().min().unwrap();
    (least, (sum + count / 2) / count, *numbers.iter().max().unwrap())
}

fn attempts(clock: &Clock) -> u64 {
    u64::try_from(clock.count(&Effect::Open)).unwrap()
}

#[test]
fn a_day_of_an_unreachable_server_is_fifteen_attempts_over_six_minutes_and_more() {
    let problem = Problem::of_cause(Cause::ServerUnreachable);
    let mut spans = Vec::new();
    for seed in 1..=SEEDS {
        let mut clock = born(seed);
        let began = clock.now;
        let mut last = began;
        let fate = |clock: &mut Clock| {
            last = clock.now;
            clock.feed(Event::closed(1006, ""));
        };
        clock.live(DAY, fate, Some(&problem));
        assert_eq!(attempts(&clock), 15);
        assert_eq!(clock.count(&Effect::Preflight), 3);
        let state = clock.machine.state();
        assert_eq!(
            (state.name, state.spent, state.exhausted),
            (Name::Disabled, 15, true)
        );
        assert_eq!(state.cause(), Some(&CauseName::Known(Cause::ServerUnreachable)));
        spans.push(u64::try_from((last - began).as_millis()).unwrap());
    }
    let span = spread(&spans);
    println!("from the first attempt to the fifteenth, ms: {span:?}");
    assert!(span.1 >= 6 * 60 * 1_000);
    assert_eq!(span, (327_379, 398_887, 473_456));
}

#[test]
fn a_week_of_a_server_that_closes_before_it_is_trusted_is_fifteen_attempts() {
    for up in [0, 5_000, 9_999] {
        for seed in 1..=SEEDS {
            let mut clock = born(seed);
            clock.live(
                WEEK,
                flaps(Duration::from_millis(up), 1011, "internal_error"),
                None,
            );
            assert_eq!(attempts(&clock), 15, "up for {up} ms");
            assert_eq!(clock.machine.name(), Name::Disabled);
        }
    }
}

#[test]
fn a_week_of_a_server_that_closes_once_it_is_trusted_is_about_one_attempt_a_minute() {
    let eleven = (10_805, 10_810, 10_818);
    for (up, code, reason, expected) in [
        (10, 1011, "internal_error", (11_001, 11_006, 11_015)),
        (11, 1011, "internal_error", eleven),
        (11, 1012, "restarting: retry in 10 ms", eleven),
        (11, 4401, "token_expired", eleven),
        (11, 4508, "slow_consumer", eleven),
        (60, 1011, "internal_error", (9_997, 9_997, 9_998)),
    ] {
        let week = (1..=3).map(|seed| {
            let mut clock = born(seed);
            clock.live(WEEK, flaps(Duration::from_secs(up), code, reason), None);
            attempts(&clock)
        });
        let week = spread(&week.collect::<Vec<u64>>());
        println!("closed after {up} s, {reason}: attempts in a week {week:?}");
        assert_eq!(week, expected, "closed after {up} s, {reason}");
    }
}

#[test]
fn flapping_does_not_reset_the_counters() {
    for up in [0, 1, 1_000, 9_999] {
        let mut clock = born(1);
        let mut seen = Vec::new();
        let mut flap = flaps(Duration::from_millis(up), 1011, "internal_error");
        let fate = |clock: &mut Clock| {
            seen.push(clock.machine.state().spent);
            flap(clock);
        };
        clock.live(DAY, fate, None);
        assert_eq!(seen, (1..=15).collect::<Vec<u16>>(), "closed after {up} ms");
    }
}

#[test]
fn a_program_that_restarts_itself_for_a_day_is_slowed_to_about_one_attempt_a_minute() {
    let mut carried = 0;
    let mut now = Duration::ZERO;
    let mut starts = 0;
    let mut draws = Draws::seeded(1);
    while now < DAY {
        let mut clock = Clock::new(Policy::default(), 1);
        clock.now = now;
        clock.draws = draws;
        clock.feed(Event::Connect { carried });
        if clock.machine.name() == Name::Waiting {
            clock.next();
        }
        clock.feed(Event::Token);
        clock.feed(Event::closed(1011, "internal_error"));
        carried = clock.machine.total();
        now = clock.now + Duration::from_millis(100);
        starts += 1;
        draws = clock.draws;
    }
    assert_eq!((starts, carried), (1_921, 1_921));
}
