//! What is measured of every peer alike, by turns: one round takes each of them once, so that a noisy stretch of the
//! machine meets all.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::peer::{Peer, Tools};
use super::table::{Cell, Table};
use crate::failure::{Failure, Outcome};
use crate::load::Crowd;
use crate::process;
use crate::scenario::idle::BURST;
use crate::scenario::{Bench, handshakes};
use crate::server::Server;
use crate::stats::{Spread, percentile};

/// Listeners of one chat.
const SIZES: &[usize] = &[100, 1_000, 2_000, 10_000];
/// Deliveries of a round: half a second of CPU and more, far above the 10 ms that `/proc` counts in.
const DELIVERIES: u64 = 200_000;
/// Bytes of text.
const LENGTH: usize = 200;
/// Idle connections, reached one after the other.
const IDLE: &[usize] = &[1_000, 5_000, 15_000];
/// How long they are idle.
const REST: Duration = Duration::from_secs(5);
/// Idle connections that have heard a burst.
const RESTED: &[usize] = &[1_000, 5_000];
/// Handshakes of a round.
const HANDSHAKES: usize = 4_000;
/// Twenty messages a second; two for those that cannot deliver so many to a thousand.
const INTERVAL: Duration = Duration::from_millis(50);
const SLOW_INTERVAL: Duration = Duration::from_millis(500);

/// The bench, what peers are made of, and which of them are here.
pub(super) struct Field<'a> {
    pub(super) bench: &'a Bench,
    pub(super) tools: &'a Tools,
    pub(super) peers: &'a [Peer],
}

impl Field<'_> {
    /// CPU of a delivery by the number of listeners, so many messages under way.
    pub(super) fn cpu(&self, window: u64) -> Outcome<Table> {
        let sizes = self
            .bench
            .pick(&[20][..], if window == 1 { SIZES } else { &[1_000] });
        let mut table = Table::new(
            if window == 1 { "cpu" } else { "cpu-busy" },
            format!("CPU per delivery, {window} message(s) under way"),
            "us",
            self.peers,
        );
        for &size in sizes {
            let cells = self.by_turns(size, |peer, size| self.cost(peer, size, window))?;
            table.column(format!("{size} listeners"), size, cells);
        }
        Ok(table)
    }

    fn cost(&self, peer: Peer, size: usize, window: u64) -> Outcome<f64> {
        let deliveries = self.bench.pick(400, DELIVERIES) / peer.slowness();
        let count = (deliveries / size as u64).max(2);
        let server = peer.start(self.bench, self.tools)?;
        let mut crowd = Crowd::gather(&server, size)?;
        crowd.flood(count.div_ceil(10), LENGTH, window)?;
        let before = server.cpu()?;
        let delivered = crowd.flood(count, LENGTH, window)?;
        Ok((server.cpu()? - before).as_secs_f64() * 1e6 / delivered as f64)
    }

    /// From a send to the last of its listeners: the middle, and the worst of a hundred.
    pub(super) fn latency(&self) -> Outcome<[Table; 2]> {
        let size = self.bench.pick(20, 1_000);
        let span = self
            .bench
            .pick(Duration::from_millis(500), Duration::from_secs(4));
        let shares = [0.5, 0.99];
        let mut rounds: Vec<Vec<Outcome<[f64; 2]>>> = self.peers.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.bench.rounds {
            for (peer, rounds) in self.peers.iter().zip(&mut rounds) {
                rounds.push(self.pace(*peer, size, span).map(|mut times| {
                    let [middle, worst] = shares;
                    [percentile(&mut times, middle), percentile(&mut times, worst)]
                }));
            }
        }
        let mut tables = shares.map(|share| {
            Table::new(
                if share < 0.9 { "latency-p50" } else { "latency-p99" },
                format!("send to the last of {size} listeners, p{:.0}", share * 100.0),
                "ms",
                self.peers,
            )
        });
        let mut columns: [Vec<Cell>; 2] = [Vec::new(), Vec::new()];
        for (peer, rounds) in self.peers.iter().zip(rounds) {
            let rounds: Outcome<Vec<[f64; 2]>> = rounds.into_iter().collect();
            for (place, column) in columns.iter_mut().enumerate() {
                let picked = rounds.as_ref().map(|rounds| {
                    rounds
                        .iter()
                        .map(|round| round.get(place).copied().unwrap_or(f64::NAN))
                        .collect()
                });
                column.push(match picked {
                    Ok(picked) => Cell::Measured(Spread::of(picked)),
                    Err(failure) => self.failed(*peer, failure)?,
                });
            }
        }
        for (table, cells) in tables.iter_mut().zip(columns) {
            table.column("20 messages a second".into(), size, cells);
        }
        Ok(tables)
    }

    fn pace(&self, peer: Peer, size: usize, span: Duration) -> Outcome<Vec<f64>> {
        let server = peer.start(self.bench, self.tools)?;
        let mut crowd = Crowd::gather(&server, size)?;
        crowd.flood(2, LENGTH, 1)?;
        let interval = if peer.slowness() > 2 {
            SLOW_INTERVAL
        } else {
            INTERVAL
        };
        crowd.paced(interval, span, LENGTH)
    }

    /// Memory of an idle connection, of all processes of the server.
    pub(super) fn idle(&self) -> Outcome<Table> {
        let table = Table::new(
            "idle",
            "memory of an idle connection".into(),
            "KiB each",
            self.peers,
        );
        let sizes = self.bench.pick(&[20, 40][..], IDLE);
        self.kept(table, sizes, |peer, sizes| self.memory(peer, sizes))
    }

    /// The same, where each connection has heard a burst.
    pub(super) fn rested(&self) -> Outcome<Table> {
        let table = Table::new(
            "rested",
            format!("memory of an idle connection, a burst of {BURST} messages later"),
            "KiB each",
            self.peers,
        );
        let sizes = self.bench.pick(&[20][..], RESTED);
        self.kept(table, sizes, |peer, sizes| {
            sizes.iter().map(|size| self.after_burst(peer, *size)).collect()
        })
    }

    /// A column for each size; a peer is left out of those beyond its own.
    fn kept(
        &self,
        mut table: Table,
        sizes: &[usize],
        each: impl Fn(Peer, &[usize]) -> Outcome<Vec<f64>>,
    ) -> Outcome<Table> {
        let mut columns: Vec<Vec<Cell>> = sizes.iter().map(|_| Vec::new()).collect();
        for peer in self.peers {
            let within: Vec<usize> = sizes
                .iter()
                .copied()
                .filter(|size| *size <= peer.most())
                .collect();
            let each = each(*peer, &within);
            for (place, column) in columns.iter_mut().enumerate() {
                column.push(match &each {
                    Ok(each) => each
                        .get(place)
                        .map_or(Cell::LeftOut, |each| Cell::Measured(Spread::of(vec![*each]))),
                    Err(failure) => self.failed(*peer, failure)?,
                });
            }
        }
        for (size, cells) in sizes.iter().zip(columns) {
            table.column(format!("{size} connections"), *size, cells);
        }
        Ok(table)
    }

    /// KiB of each connection at each of the sizes.
    fn memory(&self, peer: Peer, sizes: &[usize]) -> Outcome<Vec<f64>> {
        let (server, before) = self.warmed(peer)?;
        let mut crowds: Vec<Crowd<'_>> = Vec::new();
        let mut each = Vec::new();
        let mut there = 0;
        for &size in sizes {
            crowds.push(Crowd::gather(&server, size - there)?);
            there = size;
            let slice = self.rest() / u32::try_from(crowds.len()).unwrap_or(1);
            for crowd in &mut crowds {
                crowd.rest(slice)?;
            }
            each.push(process::kib_each(before, server.memory()?, size));
        }
        Ok(each)
    }

    /// KiB of each connection once the burst is over.
    fn after_burst(&self, peer: Peer, size: usize) -> Outcome<f64> {
        let (server, before) = self.warmed(peer)?;
        let mut crowd = Crowd::gather(&server, size)?;
        crowd.flood(self.bench.pick(3, BURST), LENGTH, 4)?;
        crowd.rest(self.rest())?;
        Ok(process::kib_each(before, server.memory()?, size))
    }

    /// Started, and its memory once its code and tables are there.
    fn warmed(&self, peer: Peer) -> Outcome<(Server, u64)> {
        let server = peer.start(self.bench, self.tools)?;
        Crowd::gather(&server, 20)?.flood(3, LENGTH, 1)?;
        let before = server.memory()?;
        Ok((server, before))
    }

    fn rest(&self) -> Duration {
        self.bench.pick(Duration::from_millis(100), REST)
    }

    /// Connections a second that are made, greeted and gone, and the CPU of each.
    pub(super) fn handshakes(&self) -> Outcome<[Table; 2]> {
        let mut rates = Table::new("handshakes", "handshakes".into(), "1/s", self.peers);
        let mut costs = Table::new("handshake-cpu", "CPU per handshake".into(), "us", self.peers);
        let mut rounds: Vec<Vec<Outcome<(f64, f64)>>> = self.peers.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.bench.rounds {
            for (peer, rounds) in self.peers.iter().zip(&mut rounds) {
                let slow = usize::try_from(peer.slowness()).unwrap_or(1).min(4);
                let count = self.bench.pick(100, HANDSHAKES) / slow;
                rounds.push(
                    peer.start(self.bench, self.tools)
                        .and_then(|server| handshakes::cost(&server, count)),
                );
            }
        }
        let (mut cost, mut rate) = (Vec::new(), Vec::new());
        for (peer, rounds) in self.peers.iter().zip(rounds) {
            match rounds.into_iter().collect::<Outcome<Vec<_>>>() {
                Ok(rounds) => {
                    cost.push(Cell::Measured(Spread::of(
                        rounds.iter().map(|round| round.0).collect(),
                    )));
                    rate.push(Cell::Measured(Spread::of(
                        rounds.iter().map(|round| round.1).collect(),
                    )));
                }
                Err(failure) => {
                    cost.push(self.failed(*peer, &failure)?);
                    rate.push(self.failed(*peer, &failure)?);
                }
            }
        }
        rates.column("64 at once".into(), 64, rate);
        costs.column("64 at once".into(), 64, cost);
        Ok([rates, costs])
    }

    /// All rounds of one column.
    fn by_turns(
        &self,
        size: usize,
        mut measure: impl FnMut(Peer, usize) -> Outcome<f64>,
    ) -> Outcome<Vec<Cell>> {
        let mut rounds: Vec<Vec<f64>> = self.peers.iter().map(|_| Vec::new()).collect();
        let mut failures: Vec<Option<Failure>> = self.peers.iter().map(|_| None).collect();
        let mut out = std::io::stdout();
        for round in 1..=self.bench.rounds {
            for ((peer, rounds), failure) in self.peers.iter().zip(&mut rounds).zip(&mut failures) {
                if size > peer.most() || failure.is_some() {
                    continue;
                }
                let began = Instant::now();
                match measure(*peer, size) {
                    Ok(value) => {
                        let took = began.elapsed().as_secs();
                        if !self.bench.small {
                            writeln!(
                                out,
                                "  round {round}, {size}, {}: {value:.2}, {took} s",
                                peer.name()
                            )?;
                        }
                        rounds.push(value);
                    }
                    Err(error) => *failure = Some(error),
                }
            }
        }
        self.peers
            .iter()
            .zip(rounds)
            .zip(failures)
            .map(|((peer, rounds), failure)| match failure {
                None if rounds.is_empty() => Ok(Cell::LeftOut),
                None => Ok(Cell::Measured(Spread::of(rounds))),
                Some(failure) => self.failed(*peer, &failure),
            })
            .collect()
    }

    /// A peer that could not do it has a word in its cell; Charla or the floor end the run.
    fn failed(&self, peer: Peer, failure: &Failure) -> Outcome<Cell> {
        let word = failure.to_string();
        if matches!(peer, Peer::Charla | Peer::Floor) {
            return Err(Failure::Server(format!("{}: {word}", peer.name())));
        }
        writeln!(std::io::stderr(), "  {}: {word}", peer.name())?;
        if self.bench.small {
            return Err(Failure::Server(format!("{}: {word}", peer.name())));
        }
        Ok(Cell::Failed(word))
    }
}
