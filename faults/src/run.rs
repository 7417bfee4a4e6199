//! One fault: everybody is calm, it happens, lasts and ends, everybody comes back and is calm again, and the history is held
//! against the store.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use charla_ground::{Failure, Outcome};
use serde::Serialize;

use crate::checker::{Promise, Verdict, check};
use crate::crowd::Tally;
use crate::fault::Fault;
use crate::history::{History, Room, Stored};
use crate::presence;
use crate::stage::Stage;

/// The server's `limits.resume_messages`, which the nodes leave as it is.
const RESUME_MESSAGES: u64 = 1_000;
/// How long everybody speaks before anything happens.
const STEADY: Duration = Duration::from_secs(2);
/// How long everybody speaks after all are back.
const AFTER: Duration = Duration::from_millis(1_500);
/// How long clients may take to come back: the longest wait of their own choosing is a minute.
const BACK_WITHIN: Duration = Duration::from_secs(120);
/// How long what is under way may take to settle.
const CALM_WITHIN: Duration = Duration::from_secs(60);
/// The counter of messages that were found in the store because nobody had told of them.
const GAPS: &str = "charla_gaps_repaired_total";

/// A share of delays.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Delays {
    pub(crate) count: usize,
    pub(crate) p50_ms: u32,
    pub(crate) p99_ms: u32,
    pub(crate) max_ms: u32,
}

impl Delays {
    /// Of delays in order.
    fn of(sorted: &[u32]) -> Self {
        let at = |share: usize| {
            let place = (sorted.len() * share / 100).min(sorted.len().saturating_sub(1));
            sorted.get(place).copied().unwrap_or(0)
        };
        Self {
            count: sorted.len(),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

/// What came of a fault.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) how: &'static str,
    /// What showed that it happened.
    pub(crate) proof: String,
    /// Why it was not tried.
    pub(crate) left_out: Option<String>,
    /// Why it came to nothing, beside broken promises.
    pub(crate) failed: Option<String>,
    pub(crate) acked: usize,
    pub(crate) received: usize,
    pub(crate) gaps_repaired: u64,
    pub(crate) disconnects: BTreeMap<String, usize>,
    /// From the heal to the first acknowledgement of what was said after it.
    pub(crate) first_ack_ms: Option<u64>,
    /// From the heal to everybody connected and in all chats.
    pub(crate) back_ms: Option<u64>,
    /// From the store to listeners, of live messages: before it happened, and while it lasted.
    pub(crate) before: Delays,
    pub(crate) during: Delays,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
}

impl Row {
    /// How many connections were lost.
    pub(crate) fn lost_connections(&self) -> usize {
        self.disconnects.values().sum()
    }

    /// Whether everything was as promised, as far as it was tried.
    pub(crate) fn is_good(&self) -> bool {
        self.failed.is_none() && self.verdict.is_clean()
    }
}

/// A run: the stage, and what was checked so far.
pub(crate) struct Run {
    pub(crate) stage: Stage,
    checked: BTreeMap<Room, u64>,
    /// Everything since the beginning.
    pub(crate) whole: History,
}

impl Run {
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            checked: BTreeMap::new(),
            whole: History::default(),
        }
    }

    /// Tries one fault. What the stretch left behind comes along, for whoever wants to look.
    pub(crate) fn attempt(&mut self, fault: &Fault) -> (Row, History, Stored) {
        let began = Instant::now();
        let mut row = Row {
            name: fault.name,
            how: fault.how,
            ..Row::default()
        };
        let mut gaps = Gaps::begin(&self.stage);
        let tally = match self.happen(fault, &mut row, &mut gaps) {
            Ok(tally) => tally,
            Err(failure) => {
                row.failed = Some(failure.to_string());
                Tally::default()
            }
        };
        self.stage.crowd.hush();
        let (history, stored) = match self.settle(&mut row, tally) {
            Ok(stretch) => stretch,
            Err(failure) => {
                row.failed.get_or_insert(failure.to_string());
                (History::default(), Stored::default())
            }
        };
        row.gaps_repaired = gaps.look(&self.stage);
        if fault.cuts_nobody && row.lost_connections() > 0 && row.failed.is_none() {
            row.failed = Some(format!(
                "{} connections ended because of it",
                row.lost_connections()
            ));
        }
        row.seconds = began.elapsed().as_secs_f64();
        (row, history, stored)
    }

    /// Calm, the fault, its end, and everybody back.
    fn happen(&mut self, fault: &Fault, row: &mut Row, gaps: &mut Gaps) -> Outcome<Tally> {
        let stage = &mut self.stage;
        drop(stage.crowd.take_tally());
        stage.crowd.speak();
        thread::sleep(STEADY);
        let mut tally = stage.crowd.take_tally();
        row.before = Delays::of(&tally.delays);
        match (fault.inject)(stage) {
            Ok(proof) => row.proof = proof,
            Err(Failure::Lacking(why)) => {
                row.left_out = Some(why);
                return Ok(tally);
            }
            Err(failure) => {
                row.failed = Some(failure.to_string());
                // Whatever happened is taken back as far as it can be.
                if let Err(also) = (fault.heal)(stage) {
                    return Err(Failure::Missed(format!("{failure}, and then {also}")));
                }
                return Ok(tally);
            }
        }
        thread::sleep(fault.hold);
        let during = stage.crowd.take_tally();
        row.during = Delays::of(&during.delays);
        tally.extend(during);
        gaps.look(stage);
        (fault.heal)(stage)?;
        let healed = stage.crowd.now();
        self.come_back(row, healed);
        thread::sleep(AFTER);
        Ok(tally)
    }

    /// Waits until everybody is back.
    fn come_back(&self, row: &mut Row, healed: u64) {
        let crowd = &self.stage.crowd;
        let deadline = Instant::now() + BACK_WITHIN;
        while Instant::now() < deadline && (row.back_ms.is_none() || row.first_ack_ms.is_none()) {
            if row.first_ack_ms.is_none() {
                let acked = crowd.first_ack_since(healed);
                row.first_ack_ms = acked.map(|acked| acked.saturating_sub(healed));
            }
            if row.back_ms.is_none() && crowd.cut_off().is_empty() {
                row.back_ms = Some(crowd.now().saturating_sub(healed));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for calm, and checks the stretch.
    fn settle(&mut self, row: &mut Row, mut tally: Tally) -> Outcome<(History, Stored)> {
        let stage = &self.stage;
        if let Err(failure) = stage.wait_for_calm(CALM_WITHIN) {
            row.failed.get_or_insert(failure.to_string());
            for (name, standing) in stage.crowd.missing() {
                row.verdict
                    .note(Promise::Stranded, || format!("{name}: {standing:?}"));
            }
        }
        tally.extend(stage.crowd.take_tally());
        let stored = stage.stored(&self.checked)?;
        let mut history = stage.crowd.take_history();
        history.crossed.append(&mut tally.crossed);
        row.acked = history.acked();
        row.received = history.received();
        row.disconnects = tally.losses;
        let verdict = check(&history, &stored, RESUME_MESSAGES);
        row.verdict.extend(verdict);
        if row.left_out.is_none() {
            presence::check(stage, &mut row.verdict)?;
        }
        for room in stored.rows.keys() {
            self.checked.insert(room.clone(), stored.last(room));
        }
        self.whole.extend(history.clone());
        Ok((history, stored))
    }

    /// Holds the whole history against the whole store.
    pub(crate) fn check_whole(&mut self) -> Outcome<Verdict> {
        self.whole.sent.extend(self.stage.crowd.open());
        let stored = self.stage.stored(&BTreeMap::new())?;
        Ok(check(&self.whole, &stored, RESUME_MESSAGES))
    }
}

/// What the nodes' counters have moved by, over their restarts.
struct Gaps {
    last: BTreeMap<String, u64>,
    moved: u64,
}

impl Gaps {
    fn begin(stage: &Stage) -> Self {
        let mut gaps = Self {
            last: BTreeMap::new(),
            moved: 0,
        };
        gaps.look(stage);
        gaps.moved = 0;
        gaps
    }

    /// Adds what came since the last look; a counter that went back began anew.
    fn look(&mut self, stage: &Stage) -> u64 {
        for node in stage.running() {
            if let Some(now) = node.figure(GAPS) {
                let before = self.last.insert(node.place.to_string(), now).unwrap_or(0);
                self.moved += now.checked_sub(before).unwrap_or(now);
            }
        }
        self.moved
    }
}
