//! What peers came to: one table a measure, a row for each of them; for people, for programs, and as lines to draw.

use std::fmt::Write as _;

use serde::Serialize;

use super::peer::Peer;
use crate::plot::{Point, Series};
use crate::report::{figure, spread};
use crate::stats::Spread;

/// One measure of all peers.
#[derive(Serialize)]
pub(super) struct Table {
    /// Its name for programs.
    pub(super) id: &'static str,
    /// What was measured.
    pub(super) what: String,
    /// Its unit.
    pub(super) unit: &'static str,
    #[serde(serialize_with = "names")]
    peers: Vec<Peer>,
    columns: Vec<Column>,
}

/// One size or rate.
#[derive(Serialize)]
struct Column {
    name: String,
    size: usize,
    cells: Vec<Cell>,
}

/// One peer's figure.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cell {
    /// What its rounds came to.
    Measured(Spread),
    /// Why there is none.
    Failed(String),
    /// More than it is measured with.
    LeftOut,
}

impl Table {
    /// Without columns.
    pub(super) fn new(id: &'static str, what: String, unit: &'static str, peers: &[Peer]) -> Self {
        Self {
            id,
            what,
            unit,
            peers: peers.to_vec(),
            columns: Vec::new(),
        }
    }

    /// One more column; a cell a peer, in their order.
    pub(super) fn column(&mut self, name: String, size: usize, cells: Vec<Cell>) {
        self.columns.push(Column { name, size, cells });
    }

    /// For the terminal and for `RESULTS.md`: medians with their spread, and how many times the floor that is.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("\n### {}, {}\n\n| |", upper_first(&self.what), self.unit);
        for column in &self.columns {
            let _ = write!(text, " {} | x floor |", column.name);
        }
        text.push_str("\n|---|");
        text.push_str(&"---|---|".repeat(self.columns.len()));
        let mut failures = Vec::new();
        for (place, peer) in self.peers.iter().enumerate() {
            let _ = write!(text, "\n| {} |", peer.name());
            for column in &self.columns {
                match column.cells.get(place) {
                    Some(Cell::Measured(one)) => {
                        let times = self
                            .floor(column)
                            .map_or("-".into(), |floor| figure(one.median / floor));
                        let _ = write!(text, " {} | {times} |", spread(one));
                    }
                    Some(Cell::Failed(why)) => {
                        // What an HTTP answer says begins with its status, and has lines.
                        let why = why.lines().next().unwrap_or_default();
                        failures.push(format!("{}, {}: {why}", peer.name(), column.name));
                        text.push_str(" failed | - |");
                    }
                    Some(Cell::LeftOut) | None => text.push_str(" - | - |"),
                }
            }
        }
        text.push('\n');
        for failure in failures {
            let _ = write!(text, "\nFailed: {failure}.\n");
        }
        text
    }

    fn floor(&self, column: &Column) -> Option<f64> {
        let place = self.peers.iter().position(|peer| *peer == Peer::Floor)?;
        match column.cells.get(place)? {
            Cell::Measured(one) => Some(one.median),
            Cell::Failed(_) | Cell::LeftOut => None,
        }
    }

    /// Medians by size, with what lay between least and greatest.
    pub(super) fn series(&self) -> Vec<Series> {
        let line = |(place, peer): (usize, &Peer)| Series {
            name: peer.name().into(),
            class: Peer::ALL.iter().position(|one| one == peer).unwrap_or(0),
            points: self
                .columns
                .iter()
                .filter_map(|column| match column.cells.get(place)? {
                    Cell::Measured(one) => Some(Point {
                        x: column.size as f64,
                        y: one.median,
                        low: one.min,
                        high: one.max,
                    }),
                    Cell::Failed(_) | Cell::LeftOut => None,
                })
                .collect(),
        };
        self.peers.iter().enumerate().map(line).collect()
    }

    /// Those whose median beats Charla's in a column, as `name at column`; `less` says whether less is better.
    pub(super) fn ahead_of_charla(&self, less: bool) -> Vec<String> {
        let Some(own) = self.peers.iter().position(|peer| *peer == Peer::Charla) else {
            return Vec::new();
        };
        let mut ahead = Vec::new();
        for column in &self.columns {
            let median = |place: usize| match column.cells.get(place) {
                Some(Cell::Measured(one)) => Some(one.median),
                Some(Cell::Failed(_) | Cell::LeftOut) | None => None,
            };
            for (place, peer) in self.peers.iter().enumerate() {
                if *peer != Peer::Floor
                    && let (Some(charla), Some(other)) = (median(own), median(place))
                    && (if less { other < charla } else { other > charla })
                {
                    ahead.push(format!("{} at {}", peer.name(), column.name));
                }
            }
        }
        ahead
    }
}

fn names<S: serde::Serializer>(peers: &[Peer], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(peers.iter().map(|peer| peer.name()))
}

fn upper_first(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Cell, Table};
    use crate::peers::peer::Peer;
    use crate::plot::{Words, draw};
    use crate::stats::Spread;

    fn table() -> Table {
        let peers = [Peer::Floor, Peer::Charla, Peer::Ws, Peer::Uws];
        let mut table = Table::new("cpu", "CPU per delivery".into(), "us", &peers);
        let cell = |value| Cell::Measured(Spread::of(vec![value]));
        let cells = vec![cell(2.0), cell(3.0), Cell::Failed("lost one".into()), cell(2.5)];
        table.column("100 listeners".into(), 100, cells);
        table
    }

    #[test]
    fn a_table_says_how_many_times_the_floor_and_why_a_figure_is_missing() {
        let text = table().markdown();
        assert!(text.contains("| Charla | 3.00 | 1.50 |"), "{text}");
        assert!(text.contains("| ws | failed | - |"), "{text}");
        assert!(text.contains("Failed: ws, 100 listeners: lost one."), "{text}");
    }

    #[test]
    fn who_is_ahead_is_named() {
        assert_eq!(table().ahead_of_charla(true), ["uWebSockets at 100 listeners"]);
        assert_eq!(table().ahead_of_charla(false), Vec::<String>::new());
    }

    #[test]
    fn a_line_leaves_out_what_failed() {
        let points: Vec<usize> = table().series().iter().map(|one| one.points.len()).collect();
        assert_eq!(points, [1, 1, 0, 1]);
    }

    #[test]
    fn every_peer_has_its_colour_on_light_and_on_dark_paper() {
        let words = Words {
            title: "costs",
            across: "listeners",
            up: "us",
        };
        let svg = draw(&words, &table().series());
        let (light, dark) = svg.split_once("@media").expect("both papers");
        for class in 0..Peer::ALL.len() {
            let colour = format!(".p{class}{{stroke:");
            assert!(light.contains(&colour) && dark.contains(&colour), "{class}");
        }
    }
}
