//! Loops in virtual time: how often they are judged, how long they wait, what nodes tell each other.

use super::*;

const LIMIT: u32 = 20;
const TEN_MINUTES: Millis = 600_000;

fn loops() -> Loops<&'static str, ()> {
    Loops::new(TEN_MINUTES)
}

fn refuse(loops: &mut Loops<&'static str, ()>, key: &'static str, now: Millis) -> Option<Held> {
    loops.refused(&key, LIMIT, Cause::TokenExpired, now, || ())
}

/// A client that knocks every `pause` for `span` and never gets in: how often it was judged.
fn hammer(loops: &mut Loops<&'static str, ()>, span: std::ops::Range<Millis>, pause: usize) -> usize {
    let mut judged = 0;
    for now in span.step_by(pause) {
        if loops.knock(&"a", now).is_ok() {
            judged += 1;
            refuse(loops, "a", now);
        }
        loops.forget(now);
    }
    judged
}

#[test]
fn the_limit_in_a_minute_begins_a_wait() {
    let mut loops = loops();
    for now in 0..19 {
        assert_eq!(loops.knock(&"a", now), Ok(()));
        assert_eq!(refuse(&mut loops, "a", now), None);
    }
    let held = refuse(&mut loops, "a", 19).unwrap();
    assert_eq!((held.count, held.retry_in), (20, FIRST_WAIT));
    let held = loops.knock(&"a", 1_019).unwrap_err();
    assert_eq!(
        held,
        Held {
            cause: Cause::TokenExpired,
            count: 21,
            retry_in: 4_000
        }
    );
    assert_eq!(loops.knock(&"b", 1_019), Ok(()), "another's question is another");
    assert_eq!(loops.waiting(1_019), 1);
}

#[test]
fn below_the_limit_nobody_waits() {
    let mut loops = loops();
    // One every 3.5 s is 18 in a minute.
    assert_eq!(hammer(&mut loops, 0..3_600_000, 3_500), 3_600_000 / 3_500 + 1);
}

#[test]
fn waits_double_up_to_the_longest_and_one_is_judged_after_each() {
    let mut loops = loops();
    let mut waits = Vec::new();
    let mut now = 0;
    for _ in 0..29 {
        while loops.knock(&"a", now).is_err() {
            now += 500;
        }
        if let Some(held) = refuse(&mut loops, "a", now) {
            waits.push(held.retry_in / 1_000);
        }
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    // 27,000 attempts in an hour and a half.
    let mut other = self::loops();
    assert_eq!(hammer(&mut other, 0..5_400_000, 200), 20 + 6 + 8);
}

#[test]
fn while_one_is_judged_the_others_wait() {
    let mut loops = loops();
    for _ in 0..20 {
        refuse(&mut loops, "a", 0);
    }
    assert_eq!(loops.knock(&"a", 5_000), Ok(()));
    assert!(loops.knock(&"a", 5_001).is_err());
    // The one that was let through said nothing more: the store was away, say.
    assert_eq!(loops.knock(&"a", 10_000), Ok(()));
    assert_eq!(refuse(&mut loops, "a", 10_001).unwrap().retry_in, 10_000);
    assert_eq!(
        refuse(&mut loops, "a", 10_002),
        None,
        "let through before the wait began"
    );
}

#[test]
fn who_is_let_in_or_keeps_away_starts_afresh() {
    for is_let_in in [true, false] {
        let mut loops = loops();
        let mut now = 0;
        for _ in 0..20 {
            refuse(&mut loops, "a", now);
        }
        now += 5_000;
        assert_eq!(loops.knock(&"a", now), Ok(()));
        if is_let_in {
            loops.accepted(&"a", now);
        } else {
            refuse(&mut loops, "a", now);
            now += 10_000 + MINUTE;
            loops.forget(now);
        }
        assert!(loops.is_empty());
        for _ in 0..19 {
            assert_eq!(refuse(&mut loops, "a", now), None);
        }
        assert_eq!(refuse(&mut loops, "a", now).unwrap().retry_in, FIRST_WAIT);
    }
}

#[test]
fn a_flood_pushes_out_its_own() {
    let mut loops: Loops<u32, ()> = Loops::new(TEN_MINUTES);
    let refuse =
        |loops: &mut Loops<u32, ()>, key, now| loops.refused(&key, LIMIT, Cause::TokenInvalid, now, || ());
    for _ in 0..20 {
        refuse(&mut loops, 0, 0);
    }
    for _ in 0..5 {
        refuse(&mut loops, 1, 0);
    }
    for key in 2..100_000 {
        refuse(&mut loops, key, 1);
        assert!(loops.keys.len() <= KEYS_MAX);
    }
    assert!(loops.keys.capacity() <= KEYS_MAX * 2);
    assert!(loops.knock(&0, 2).is_err(), "the loop is still known");
    assert!(loops.knows(&1, 2), "and who came five times");
    loops.forget(100_000);
    assert_eq!((loops.keys.len(), loops.keys.capacity()), (0, 0));
}

/// Passes on what each of some nodes has to tell, once.
fn gossip(nodes: &mut [Loops<&'static str, ()>], now: Millis) -> usize {
    let mut told = 0;
    for from in 0..nodes.len() {
        for (key, news) in nodes[from].tell(3, now) {
            told += 1;
            for (place, node) in nodes.iter_mut().enumerate() {
                if place != from {
                    node.heard(&key, news.clone(), LIMIT, now);
                }
            }
        }
    }
    told
}

#[test]
fn three_nodes_see_the_sum() {
    let mut nodes = [loops(), loops(), loops()];
    assert_eq!(gossip(&mut nodes, 0), 0);
    for attempt in 0..21 {
        refuse(&mut nodes[attempt % 3], "a", 0);
    }
    for node in &mut nodes {
        assert_eq!(node.knock(&"a", 0), Ok(()), "seven each are not many");
    }
    assert_eq!(gossip(&mut nodes, 1), 3);
    for node in &mut nodes {
        assert_eq!(node.knock(&"a", 1_000).unwrap_err().count, 22);
    }
    gossip(&mut nodes, 1_001);
    // One of them judges the next, and the longer wait holds on all.
    assert_eq!(nodes[1].knock(&"a", 5_001), Ok(()));
    refuse(&mut nodes[1], "a", 5_001);
    gossip(&mut nodes, 5_001);
    for node in &mut nodes {
        assert_eq!(node.knock(&"a", 6_001).unwrap_err().retry_in, 9_000);
    }
    // And whoever is let in by one is let in by all, though the others have not yet told how often they held it back.
    assert_eq!(nodes[2].knock(&"a", 15_002), Ok(()));
    nodes[2].accepted(&"a", 15_002);
    gossip(&mut nodes, 15_003);
    for node in &mut nodes {
        assert_eq!(node.knock(&"a", 15_004), Ok(()));
    }
}

#[test]
fn nobody_is_told_of_who_came_twice() {
    let mut nodes = [loops(), loops()];
    refuse(&mut nodes[0], "a", 0);
    refuse(&mut nodes[0], "a", 1);
    assert_eq!(gossip(&mut nodes, 2), 0);
    refuse(&mut nodes[0], "a", 3);
    assert_eq!((gossip(&mut nodes, 4), gossip(&mut nodes, 5)), (1, 0));
    let seen = nodes[1].worst(10, 6);
    assert_eq!((seen.len(), seen[0].count, seen[0].until), (1, 3, None));
}

#[test]
fn the_worst_stand_first() {
    let mut loops = loops();
    for (key, times) in [("a", 3), ("b", 25), ("c", 1), ("d", 7)] {
        for _ in 0..times {
            refuse(&mut loops, key, 5);
        }
    }
    let seen = loops.worst(10, 6);
    let keys: Vec<_> = seen.iter().map(|seen| (seen.key, seen.until)).collect();
    assert_eq!(keys, [("b", Some(5_005)), ("d", None), ("a", None)]);
    assert_eq!(loops.worst(1, 6).len(), 1);
}
