//! Pictures for `RESULTS.md`: lines over two logarithmic axes, each named where it ends. An SVG that needs no font,
//! script or other file and is readable on light and on dark paper.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
/// Where the axes stand; to the right of them there is room for names.
const LEFT: f64 = 76.0;
const RIGHT: f64 = WIDTH - 236.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = HEIGHT - 56.0;
/// Between two names.
const NAME: f64 = 17.0;

/// A class for each colour, once for light paper and once for dark. The second line is Charla's.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;fill:#1f2328}
.paper{fill:#fff}.title{font-size:17px;font-weight:600}.quiet{fill:#59636e;font-size:11.5px}.grid{stroke:#d1d9e0}
.line{fill:none!important;stroke-width:1.8;stroke-linejoin:round}.p1.line{stroke-width:3.4}.span{stroke-width:1;opacity:.55}
.lead{stroke-width:.8;opacity:.5;fill:none!important}.name{stroke:none!important}.p1.name{font-weight:600}.p0.line{stroke-dasharray:7 5}
.p0{stroke:#59636e;fill:#59636e}.p1{stroke:#d9480f;fill:#d9480f}.p2{stroke:#1c6dd0;fill:#1c6dd0}.p3{stroke:#2b8a3e;fill:#2b8a3e}
.p4{stroke:#9c36b5;fill:#9c36b5}.p5{stroke:#0b8599;fill:#0b8599}.p6{stroke:#8f6b32;fill:#8f6b32}.p7{stroke:#c2255c;fill:#c2255c}
.p8{stroke:#5f3dc4;fill:#5f3dc4}.p9{stroke:#66740a;fill:#66740a}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.quiet{fill:#9198a1}.grid{stroke:#30363d}
.p0{stroke:#a3adb8;fill:#a3adb8}.p1{stroke:#ff8a4c;fill:#ff8a4c}.p2{stroke:#6cb0ff;fill:#6cb0ff}.p3{stroke:#63d07a;fill:#63d07a}
.p4{stroke:#d98bef;fill:#d98bef}.p5{stroke:#45cfe0;fill:#45cfe0}.p6{stroke:#d9b36c;fill:#d9b36c}.p7{stroke:#ff7eb0;fill:#ff7eb0}
.p8{stroke:#a997ff;fill:#a997ff}.p9{stroke:#c3d14a;fill:#c3d14a}}
";

/// One measured point, and what its rounds lay between.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// One line.
pub(crate) struct Series {
    pub(crate) name: String,
    /// Its colour, 0 to 9.
    pub(crate) class: usize,
    pub(crate) points: Vec<Point>,
}

/// What a picture says in words.
pub(crate) struct Words<'a> {
    pub(crate) title: &'a str,
    /// What grows to the right, and upwards.
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
}

/// A logarithmic axis from `from` to `to` on the paper.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Holds all values, with a little room at both ends.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0) {
            least = least.min(value);
            most = most.max(value);
        }
        if least > most {
            (least, most) = (1.0, 10.0);
        }
        Self {
            least: least / 1.25,
            most: most * 1.25,
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let value = value.max(self.least);
        self.from + (self.to - self.from) * (value / self.least).ln() / (self.most / self.least).ln()
    }

    /// 1, 2 and 5 of each decade; 1 alone where there are many.
    fn ticks(&self) -> Vec<f64> {
        let wide = (self.most / self.least).log10() > 3.2;
        let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        (-6_i32..12)
            .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
            .filter(|tick| (self.least..=self.most).contains(tick))
            .collect()
    }
}

/// All of it.
pub(crate) fn draw(words: &Words<'_>, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|one| &one.points);
    let x = Axis::over(points().map(|point| point.x), LEFT, RIGHT);
    let y = Axis::over(
        points().flat_map(|point| [point.low, point.y, point.high]),
        BOTTOM,
        TOP,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
        words.title
    );
    text(&mut svg, 24.0, 34.0, "title", "start", words.title);
    text(&mut svg, LEFT, TOP - 14.0, "quiet", "start", words.up);
    text(&mut svg, RIGHT, BOTTOM + 42.0, "quiet", "end", words.across);
    for tick in y.ticks() {
        let at = y.place(tick);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>");
        text(&mut svg, LEFT - 8.0, at + 4.0, "quiet", "end", &label(tick));
    }
    let mut measured: Vec<f64> = points().map(|point| point.x).collect();
    measured.sort_by(f64::total_cmp);
    measured.dedup();
    let ticks = if measured.len() > 6 { x.ticks() } else { measured };
    for tick in ticks {
        let at = x.place(tick);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/>");
        text(&mut svg, at, BOTTOM + 20.0, "quiet", "middle", &label(tick));
    }
    // Charla's comes last and so on top.
    let (charla, others): (Vec<_>, Vec<_>) = series.iter().partition(|one| one.class == 1);
    for one in others.into_iter().chain(charla) {
        line(&mut svg, one, &x, &y);
    }
    named(&mut svg, series, &x, &y);
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, series: &Series, x: &Axis, y: &Axis) {
    let class = series.class;
    let mut path = String::new();
    for (number, point) in series.points.iter().enumerate() {
        let (across, up) = (x.place(point.x), y.place(point.y));
        let _ = write!(path, "{}{across:.1} {up:.1}", if number == 0 { 'M' } else { 'L' });
        let (low, high) = (y.place(point.low), y.place(point.high));
        let _ = writeln!(
            svg,
            "<path class=\"span p{class}\" d=\"M{across:.1} {low:.1}V{high:.1}\"/>\
             <circle class=\"p{class}\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"3\"/>"
        );
    }
    let _ = writeln!(svg, "<path class=\"line p{class}\" d=\"{path}\"/>");
}

/// The names, beside the lines' ends as far as they leave each other room.
fn named(svg: &mut String, series: &[Series], x: &Axis, y: &Axis) {
    let mut ends: Vec<(f64, f64, &Series)> = series
        .iter()
        .filter_map(|one| {
            let last = one.points.last()?;
            Some((x.place(last.x), y.place(last.y), one))
        })
        .collect();
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut free = TOP;
    let mut places = Vec::new();
    for (_, at, _) in &ends {
        free = free.max(*at);
        places.push(free);
        free += NAME;
    }
    // What was pushed below the paper moves back up.
    let mut limit = BOTTOM + NAME;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - NAME;
    }
    for ((from_x, from_y, one), at) in ends.iter().zip(places) {
        let class = one.class;
        let _ = writeln!(
            svg,
            "<path class=\"lead p{class}\" d=\"M{:.1} {from_y:.1}L{:.1} {at:.1}\"/>",
            from_x + 5.0,
            RIGHT + 24.0
        );
        text(
            svg,
            RIGHT + 28.0,
            at + 4.0,
            &format!("name p{class}"),
            "start",
            &one.name,
        );
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// 0.5, 1, 20, 1,000, 1 M.
fn label(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e3 => format!("{:.0},{:03.0}", (value / 1e3).floor(), value % 1e3),
        value => format!("{}", (value * 1e4).round() / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Point, Series, Words, draw, label};

    #[test]
    fn labels_are_read_at_a_glance() {
        for (value, words) in [(0.5, "0.5"), (20.0, "20"), (10_000.0, "10,000"), (2e6, "2 M")] {
            assert_eq!(label(value), words);
        }
    }

    #[test]
    fn what_is_greater_stands_higher_and_nothing_leaves_the_paper() {
        let axis = Axis::over([1.0, 10.0, 100.0].into_iter(), 500.0, 50.0);
        assert!(axis.place(100.0) < axis.place(10.0) && axis.place(10.0) < axis.place(1.0));
        assert!(axis.place(100.0) >= 50.0 && axis.place(0.0) <= 500.0);
    }

    #[test]
    fn lines_that_end_together_are_named_apart() {
        let point = |y| Point {
            x: 1.0,
            y,
            low: y,
            high: y,
        };
        let series: Vec<Series> = (0..9)
            .map(|class| Series {
                name: format!("n{class}"),
                class,
                points: vec![point(2.0)],
            })
            .collect();
        let words = Words {
            title: "a < b",
            across: "x",
            up: "y",
        };
        let svg = draw(&words, &series);
        let heights: Vec<&str> = svg
            .lines()
            .filter(|line| line.contains("class=\"name"))
            .filter_map(|line| line.split("y=\"").nth(1)?.split('"').next())
            .collect();
        let apart: std::collections::BTreeSet<&&str> = heights.iter().collect();
        assert_eq!(apart.len(), 9, "{heights:?}");
        assert!(svg.contains("a &lt; b"));
    }
}
