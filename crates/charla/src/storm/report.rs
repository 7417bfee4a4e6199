//! The storm for people: a table, a small picture, and what it means.

use std::io;

use charla_wire::Lang;
use owo_colors::OwoColorize as _;

use super::Weathered;
use super::figure::{grouped, seconds, span, times};
use super::policy::Which;
use super::scene::Scene;
use super::tally::{Summary, Tally, buckets};
use crate::screen::Screen;
use crate::words::storm as words;

/// Characters of a line of the small picture.
const PICTURE: usize = 60;

/// Tells all of it.
pub(super) fn tell(scene: &Scene, weathered: &[Weathered], screen: &mut Screen) -> io::Result<()> {
    let lang = screen.lang;
    let (clients, rate) = (grouped(lang, scene.clients), grouped(lang, scene.accept_rate));
    let down = scene.down_ms / 1_000;
    screen.line(if scene.announced {
        words::scene_announced(lang, clients, down, rate)
    } else {
        words::scene_crash(lang, clients, down, rate)
    })?;
    screen.line(words::at_best(lang, seconds(lang, scene.at_best_s())))?;
    screen.line("")?;
    screen.table(&table(lang, scene, weathered))?;
    picture(scene, weathered, screen)?;
    screen.heading(format_args!("\n{}", words::meaning(lang)))?;
    for sentence in sentences(lang, scene, weathered) {
        screen.line(format_args!("· {sentence}"))?;
    }
    screen.line(words::assumptions(lang).dimmed())
}

fn table(lang: Lang, scene: &Scene, weathered: &[Weathered]) -> Vec<Vec<String>> {
    let mut rows = vec![vec![
        words::column_policy(lang),
        words::column_attempts(lang),
        words::column_each(lang),
        words::column_most(lang),
        words::column_peak(lang),
        words::column_tokens(lang),
        words::column_back(lang, 50),
        words::column_back(lang, 95),
        words::column_all(lang),
        words::column_gave_up(lang),
        words::column_trying(lang),
    ]];
    for Weathered { which, summary, .. } in weathered {
        let when = |at: Option<f64>, share: f64| match at {
            Some(at) => format!("{} s", seconds(lang, at)),
            None if may_come(summary, share) => format!("> {} s", grouped(lang, scene.end_ms / 1_000)),
            None => words::never(lang),
        };
        rows.push(vec![
            which.title(lang).to_owned(),
            grouped(lang, summary.attempts),
            times(lang, each(summary)),
            grouped(lang, summary.most),
            grouped(lang, summary.peak),
            grouped(lang, summary.tokens),
            when(summary.back_50_s, 0.5),
            when(summary.back_95_s, 0.95),
            when(summary.back_all_s, 1.0),
            grouped(lang, summary.gave_up),
            grouped(lang, summary.trying),
        ]);
    }
    right_aligned(rows)
}

/// Whether so many may be back after nobody watches any more.
fn may_come(summary: &Summary, share: f64) -> bool {
    let hopeful = f64::from(summary.back + summary.trying);
    hopeful >= share * (hopeful + f64::from(summary.gave_up))
}

/// Whether refusing takes all of the server's time, on average since it is back.
fn drowned(scene: &Scene, tally: &Tally) -> bool {
    let back = scene.down_ms as usize / 1_000;
    let asked = tally.asked.iter().skip(back).map(|&count| f64::from(count));
    let watched_s = f64::from((scene.end_ms - scene.down_ms) / 1_000);
    asked.sum::<f64>() * scene.refusal_cost > f64::from(scene.accept_rate) * watched_s
}

/// Figures end below each other; the first column is words.
fn right_aligned(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let columns = rows.first().map_or(0, Vec::len);
    for column in 1..columns {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            *cell = format!("{cell:>width$}");
        }
    }
    rows
}

pub(super) fn each(summary: &Summary) -> f64 {
    let clients = summary.back + summary.gave_up + summary.trying;
    summary.attempts as f64 / f64::from(clients.max(1))
}

/// The last second that is worth a look: the last that anybody asked in, of the storms that ended.
pub(super) fn worth_seeing_s(scene: &Scene, weathered: &[Weathered]) -> usize {
    let last = |tally: &Tally| tally.asked.iter().rposition(|&asked| asked > 0).unwrap_or(0);
    let ended = weathered.iter().filter(|one| one.summary.trying == 0);
    let all = scene.end_ms as usize / 1_000;
    let last_of_all = ended.map(|one| last(&one.tally)).max().unwrap_or(all);
    let least = scene.down_ms as usize / 1_000 + 60;
    (last_of_all.max(least) + 10).min(all.max(1))
}

fn picture(scene: &Scene, weathered: &[Weathered], screen: &mut Screen) -> io::Result<()> {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let lang = screen.lang;
    let end = worth_seeing_s(scene, weathered);
    let most = weathered.iter().map(|one| one.summary.peak).max().unwrap_or(1);
    let widest = weathered.iter().map(|one| one.which.title(lang).len()).max();
    let width = widest.unwrap_or(0);
    let step = f64::from(most + 1).powf(1.0 / STEPS.len() as f64);
    screen.heading(format_args!(
        "\n{}",
        words::over_time(lang, end, times(lang, step))
    ))?;
    for Weathered { which, tally, .. } in weathered {
        let columns = buckets(&tally.asked, end, PICTURE).into_iter().map(|asked| {
            let height = f64::from(asked + 1).ln() / f64::from(most + 1).ln();
            // A column is never fuller than full.
            let step = STEPS
                .iter()
                .zip(1_u32..)
                .find(|&(_, nth)| height <= f64::from(nth) / 8.0);
            match step {
                Some((&step, _)) if asked > 0 => step,
                Some(_) => ' ',
                None => '█',
            }
        });
        let line: String = columns.collect();
        screen.line(format_args!("{:<width$}  {line}", which.title(lang)))?;
    }
    Ok(())
}

fn sentences(lang: Lang, scene: &Scene, weathered: &[Weathered]) -> Vec<String> {
    let mut said = Vec::new();
    let charla = weathered.iter().find(|one| one.which == Which::Charla);
    if let Some(Weathered { summary, .. }) = charla {
        let tries = times(lang, each(summary));
        said.push(if scene.announced && each(summary) < 1.5 {
            words::charla_at_once(lang, tries)
        } else {
            words::charla_asks(lang, tries, summary.most)
        });
        let others = weathered.iter().filter(|one| one.which != Which::Charla);
        if let Some(worst) = others.max_by_key(|one| one.summary.attempts) {
            let ratio = worst.summary.attempts as f64 / (summary.attempts.max(1)) as f64;
            if ratio > 1.2 {
                said.push(words::fewer_attempts(
                    lang,
                    times(lang, ratio),
                    worst.which.title(lang),
                ));
            }
        }
    }
    for one in weathered.iter().filter(|one| one.summary.gave_up > 0) {
        let share = 100.0 * f64::from(one.summary.gave_up) / f64::from(scene.clients);
        let count = grouped(lang, one.summary.gave_up);
        said.push(words::gave_up(
            lang,
            one.which.title(lang),
            count,
            times(lang, share),
        ));
    }
    let watched = span((scene.end_ms - scene.down_ms) / 1_000);
    let trying = |one: &&Weathered| one.summary.trying > 0;
    let titles = |under: bool| {
        let endless = weathered.iter().filter(|one| one.which != Which::Charla);
        let still = endless
            .filter(trying)
            .filter(|one| drowned(scene, &one.tally) == under);
        still
            .map(|one| one.which.title(lang))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(charla) = charla.filter(trying) {
        said.push(words::still_trying(lang, charla.which.title(lang), &watched));
    }
    let (drowned, lagging) = (titles(true), titles(false));
    if !drowned.is_empty() {
        said.push(words::drowned(lang, drowned, &watched));
    }
    if !lagging.is_empty() {
        said.push(words::lagging(lang, lagging, &watched));
    }
    if let Some(worst) = weathered.iter().max_by_key(|one| one.summary.peak) {
        let ratio = f64::from(worst.summary.peak) / f64::from(scene.accept_rate);
        if ratio > 2.0 {
            let (title, peak) = (worst.which.title(lang), grouped(lang, worst.summary.peak));
            said.push(words::worst_peak(lang, title, peak, times(lang, ratio)));
        }
    }
    said
}
