//! One chat, many listeners: what a delivery costs the server, and whether that stays the same as the chat grows.

use super::Bench;
use crate::failure::Outcome;
use crate::load::Crowd;
use crate::report::{Bar, Row};
use crate::server::Kind;
use crate::stats::Spread;

/// Listeners; the one that the others are compared with comes first.
const SIZES: &[usize] = &[2_000, 100, 1_000, 10_000];
/// Deliveries of a round: half a second of CPU and more, far above the 10 ms that `/proc` counts in.
const DELIVERIES: u64 = 200_000;
/// Bytes of text.
const LENGTH: usize = 200;
/// Messages under way. One: nothing can be shared. Several: people talk at once, and commits and writes may be.
const WINDOWS: &[u64] = &[1, 4];

/// The noise of the machine: the floor in both columns.
pub(super) fn noise(bench: &Bench) -> Outcome<Vec<Row>> {
    let size = bench.pick(20, 2_000);
    let [floor, again] = bench.alternate([Kind::Floor, Kind::Floor], |kind| cost(bench, kind, size, 1))?;
    Ok(vec![Row {
        scenario: "noise",
        what: format!("CPU per delivery, {size} listeners, the floor beside itself"),
        unit: "us",
        charla: Spread::of(again),
        reference: Some(("floor".into(), Spread::of(floor))),
        bar: Bar::Told,
    }])
}

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for &window in WINDOWS {
        let sizes = bench.pick(&[20, 50][..], SIZES);
        let mut base: Option<Spread> = None;
        let mut grown: Vec<(usize, Spread)> = Vec::new();
        for &size in sizes {
            let [floor, charla] = bench.alternate([Kind::Floor, Kind::Charla], |kind| {
                cost(bench, kind, size, window)
            })?;
            let charla = Spread::of(charla);
            grown.push((size, charla.clone()));
            let row = |what, reference, times| Row {
                scenario: "fanout",
                what,
                unit: "us",
                charla: charla.clone(),
                reference: Some(reference),
                bar: Bar::AtMostTimes(times),
            };
            let what = format!("CPU per delivery, {size} listeners, {window} message(s) under way");
            rows.push(row(what, ("floor".into(), Spread::of(floor)), 1.3));
            if let (Some(base), Some(first)) = (&base, sizes.first()) {
                let what = format!("the same, {size} listeners beside {first}");
                rows.push(row(what, (format!("Charla's at {first}"), base.clone()), 1.15));
            } else {
                base = Some(charla);
            }
        }
        rows.extend(growth(grown, window));
    }
    Ok(rows)
}

/// Ten and a hundred times the smallest crowd, beside it.
fn growth(mut grown: Vec<(usize, Spread)>, window: u64) -> Vec<Row> {
    grown.sort_by_key(|(size, _)| *size);
    let mut grown = grown.into_iter();
    let Some((least, base)) = grown.next() else {
        return Vec::new();
    };
    let times = |size: usize| size == least * 10 || size == least * 100;
    let row = |(size, charla): (usize, Spread)| Row {
        scenario: "fanout",
        what: format!(
            "growth {}-fold, {size} listeners beside {least}, {window} message(s) under way",
            size / least
        ),
        unit: "us",
        charla,
        reference: Some((format!("Charla's at {least}"), base.clone())),
        bar: Bar::Told,
    };
    grown.filter(|(size, _)| times(*size)).map(row).collect()
}

/// The server's CPU for a delivery, in us.
fn cost(bench: &Bench, kind: Kind, size: usize, window: u64) -> Outcome<f64> {
    let count = bench.pick(2_000, DELIVERIES) / size as u64;
    let server = bench.start(kind)?;
    let mut crowd = Crowd::gather(&server, size)?;
    crowd.flood(count.div_ceil(10), LENGTH, window)?;
    let before = server.cpu()?;
    let delivered = crowd.flood(count, LENGTH, window)?;
    Ok((server.cpu()? - before).as_secs_f64() * 1e6 / delivered as f64)
}
