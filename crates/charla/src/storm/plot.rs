//! The picture: requests a second of each policy, one below the other on one time axis, and below them how many
//! are back. An SVG that needs no font, script or other file and is readable on light and on dark paper.

use std::fmt::Write as _;

use charla_wire::Lang;

use super::Weathered;
use super::figure::{grouped, seconds, times};
use super::policy::Which;
use super::report::{each, worth_seeing_s};
use super::scene::Scene;
use super::tally::buckets;
use crate::words::storm as words;

const WIDTH: f64 = 960.0;
/// Where names stand, and where time begins and ends.
const NAMES: f64 = 24.0;
const LEFT: f64 = 284.0;
const RIGHT: f64 = WIDTH - 24.0;
/// The first row's top, a row's height and what is left below it.
const TOP: f64 = 84.0;
const ROW: f64 = 58.0;
const GAP: f64 = 14.0;
const BACK: f64 = 150.0;
/// Points of a line: one every two pixels.
const POINTS: usize = 326;

/// A class for each colour, once for light paper and once for dark.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;fill:#1f2328}
.paper{fill:#fff}.title{font-size:17px;font-weight:600}.name{font-weight:600}.quiet{fill:#59636e;font-size:11.5px}
.grid{stroke:#d1d9e0}.down{fill:#818b98;opacity:.16}.limit{stroke:#59636e;stroke-dasharray:4 4}
.area{stroke-width:1.2;fill-opacity:.28;stroke-linejoin:round}.line{fill:none!important;stroke-width:1.8}.line.p0{stroke-width:3.4}
.p0{stroke:#d9480f;fill:#d9480f}.p1{stroke:#1c6dd0;fill:#1c6dd0}.p2{stroke:#2b8a3e;fill:#2b8a3e}.p3{stroke:#9c36b5;fill:#9c36b5}
.p4{stroke:#0b8599;fill:#0b8599}.p5{stroke:#8f6b32;fill:#8f6b32}.p6{stroke:#6b7480;fill:#6b7480}.line.p6{stroke-dasharray:7 5}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.quiet{fill:#9198a1}.grid{stroke:#30363d}
.down{fill:#9198a1}.limit{stroke:#9198a1}
.p0{stroke:#ff8a4c;fill:#ff8a4c}.p1{stroke:#6cb0ff;fill:#6cb0ff}.p2{stroke:#63d07a;fill:#63d07a}.p3{stroke:#d98bef;fill:#d98bef}
.p4{stroke:#45cfe0;fill:#45cfe0}.p5{stroke:#d9b36c;fill:#d9b36c}.p6{stroke:#a3adb8;fill:#a3adb8}}
";

/// The paper, and how time and amounts become places on it.
struct Paper {
    svg: String,
    lang: Lang,
    end_s: usize,
    /// Powers of ten of a row.
    decades: f64,
    /// Where the lower panel begins.
    back_top: f64,
}

/// All of it.
pub(super) fn draw(lang: Lang, scene: &Scene, weathered: &[Weathered]) -> String {
    let peak = weathered.iter().map(|one| one.summary.peak).max().unwrap_or(1);
    let most = f64::from(peak.max(scene.accept_rate));
    let back_top = TOP + (ROW + GAP) * weathered.len() as f64 + 26.0;
    let mut paper = Paper {
        svg: String::new(),
        lang,
        end_s: worth_seeing_s(scene, weathered),
        decades: most.log10().ceil().max(1.0),
        back_top,
    };
    paper.head(scene);
    for (place, one) in weathered.iter().enumerate() {
        paper.row(scene, one, TOP + (ROW + GAP) * place as f64, place == 0);
    }
    paper.lower(scene, weathered);
    paper.svg.push_str("</svg>\n");
    paper.svg
}

impl Paper {
    fn head(&mut self, scene: &Scene) {
        let height = self.back_top + BACK + 52.0;
        let clients = grouped(self.lang, scene.clients);
        let rate = grouped(self.lang, scene.accept_rate);
        let down = scene.down_ms / 1_000;
        let title = if scene.announced {
            words::plot_title_announced(self.lang, clients, down, rate)
        } else {
            words::plot_title(self.lang, clients, down, rate)
        };
        let _ = write!(
            self.svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
        );
        self.text(NAMES, 34.0, "title", "start", &title);
        let above = words::plot_requests(self.lang);
        self.text(RIGHT, TOP - 12.0, "quiet", "end", &above);
    }

    fn x(&self, at_s: f64) -> f64 {
        let whole = self.end_s.max(1) as f64;
        LEFT + (RIGHT - LEFT) * (at_s / whole).min(1.0)
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
        let _ = writeln!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>"
        );
    }

    fn rule(&mut self, class: &str, from: f64, y: f64) {
        let _ = writeln!(
            self.svg,
            "<path class=\"{class}\" d=\"M{from:.1} {y:.1}H{RIGHT}\"/>"
        );
    }

    fn down(&mut self, scene: &Scene, top: f64, height: f64) {
        let width = self.x(f64::from(scene.down_ms) / 1_000.0) - LEFT;
        let _ = writeln!(
            self.svg,
            "<rect class=\"down\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }

    /// One policy: its name, how it ended, its requests.
    fn row(&mut self, scene: &Scene, one: &Weathered, top: f64, first: bool) {
        let bottom = top + ROW;
        let decades = self.decades;
        let y = |asked: f64| bottom - ROW * (asked.max(1.0).log10() / decades);
        self.down(scene, top, ROW);
        self.rule("grid", LEFT, top);
        self.rule("grid", LEFT, bottom);
        let rate_y = y(f64::from(scene.accept_rate));
        let up_x = self.x(f64::from(scene.down_ms) / 1_000.0);
        self.rule("limit", up_x, rate_y);
        self.text(
            LEFT - 8.0,
            top + 8.0,
            "quiet",
            "end",
            &short(10.0_f64.powf(decades)),
        );
        self.text(LEFT - 8.0, bottom + 1.0, "quiet", "end", "1");
        self.text(NAMES, top + 14.0, "name", "start", one.which.title(self.lang));
        let tries = times(self.lang, each(&one.summary));
        let tries = words::plot_tries(self.lang, tries, grouped(self.lang, one.summary.most));
        self.text(NAMES, top + 31.0, "quiet", "start", &tries);
        let end = self.end_of(one);
        self.text(NAMES, top + 47.0, "quiet", "start", &end);

        let asked = buckets(&one.tally.asked, self.end_s, POINTS);
        let width_s = self.end_s as f64 / asked.len().max(1) as f64;
        let mut path = format!("M{LEFT} {bottom:.1}");
        for (place, &count) in asked.iter().enumerate() {
            let x = self.x((place as f64 + 0.5) * width_s);
            let _ = write!(path, "L{x:.1} {:.1}", y(f64::from(count)));
        }
        let class = class(one.which);
        let _ = writeln!(
            self.svg,
            "<path class=\"area p{class}\" d=\"{path}L{RIGHT} {bottom:.1}Z\"/>"
        );
        if first {
            let rate = words::plot_accepts(self.lang, grouped(self.lang, scene.accept_rate));
            self.text(RIGHT, rate_y - 4.0, "quiet", "end", &rate);
            if scene.down_ms > 0 {
                let down = words::plot_down(self.lang);
                self.text(LEFT, top - 12.0, "quiet", "start", &down);
            }
        }
    }

    fn end_of(&self, one: &Weathered) -> String {
        let summary = &one.summary;
        match summary.back_all_s {
            Some(at_s) => words::plot_all_back(self.lang, seconds(self.lang, at_s)),
            None => {
                let clients = summary.back + summary.gave_up + summary.trying;
                // Rounded down: what is not all must not read as 100.
                let share = (1_000.0 * f64::from(summary.back) / f64::from(clients.max(1))).floor() / 10.0;
                words::plot_share_back(self.lang, times(self.lang, share))
            }
        }
    }

    /// Who is back, and the time axis of all.
    fn lower(&mut self, scene: &Scene, weathered: &[Weathered]) {
        let (top, bottom) = (self.back_top, self.back_top + BACK);
        self.down(scene, top, BACK);
        self.text(NAMES, top + 14.0, "name", "start", &words::plot_back(self.lang));
        for quarter in 0_u8..=4 {
            let y = bottom - BACK * f64::from(quarter) / 4.0;
            self.rule("grid", LEFT, y);
            self.text(
                LEFT - 8.0,
                y + 4.0,
                "quiet",
                "end",
                &format!("{} %", quarter * 25),
            );
        }
        let step = time_step(self.end_s);
        for at_s in (0..=self.end_s).step_by(step) {
            let x = self.x(at_s as f64);
            self.text(x, bottom + 19.0, "quiet", "middle", &at_s.to_string());
        }
        let axis = words::plot_seconds(self.lang);
        self.text(RIGHT, bottom + 38.0, "quiet", "end", &axis);
        // Charla's comes last and so on top.
        let (charla, others): (Vec<_>, Vec<_>) = weathered.iter().partition(|one| one.which == Which::Charla);
        for one in others.into_iter().chain(charla) {
            let mut path = format!("M{LEFT} {bottom:.1}");
            let every = self.end_s.div_ceil(POINTS).max(1);
            let shares = one.tally.back_shares();
            for (second, share) in (1..=self.end_s).zip(&shares).step_by(every) {
                let _ = write!(path, "L{:.1} {:.1}", self.x(second as f64), bottom - BACK * share);
            }
            let class = class(one.which);
            let _ = writeln!(self.svg, "<path class=\"line p{class}\" d=\"{path}\"/>");
        }
    }
}

fn class(which: Which) -> usize {
    Which::ALL.iter().position(|one| *one == which).unwrap_or(0)
}

/// So that about ten labels stand below the axis.
fn time_step(end_s: usize) -> usize {
    const STEPS: [usize; 12] = [5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400];
    let fits = STEPS.iter().find(|&step| end_s / step <= 12);
    fits.copied().unwrap_or(604_800)
}

/// 1, 10, 100, 1 k, ... 1 M.
fn short(amount: f64) -> String {
    match amount {
        amount if amount >= 1e6 => format!("{:.0} M", amount / 1e6),
        amount if amount >= 1e3 => format!("{:.0} k", amount / 1e3),
        amount => format!("{amount:.0}"),
    }
}
