//! The valid key that a mistyped one most likely meant.

/// The candidate closest to `typed`, if one is close enough to be worth a question.
///
/// A key under the wrong section counts as one slip: whoever writes `server.ping_after` knows the word.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (slips(typed, candidate), candidate))
        .min_by_key(|(slips, _)| *slips)
        .filter(|(slips, candidate)| *slips <= (last(candidate).chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

fn slips(typed: &str, candidate: &str) -> usize {
    let whole = distance(typed, candidate);
    let misplaced = 1 + distance(last(typed), last(candidate));
    whole.min(misplaced)
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Letters to add, drop, change or swap with a neighbour to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, letter) in from.chars().enumerate() {
        let mut line = vec![row + 1];
        let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX / 2);
        for (column, wanted) in to.iter().enumerate() {
            let change = at(&above, column) + usize::from(letter != *wanted);
            let mut best = change.min(at(&above, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = column > 0 && previous == Some(*wanted) && to.get(column - 1) == Some(&letter);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        previous = Some(letter);
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_slips() {
        for (from, to, slips) in [
            ("", "", 0),
            ("listen", "listen", 0),
            ("listn", "listen", 1),
            ("lisetn", "listen", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), slips, "{from} {to}");
        }
    }

    #[test]
    fn asks_only_where_it_is_close() {
        let keys = ["server.listen", "liveness.ping_after", "log.filter"];
        for (typed, meant) in [
            ("server.listn", Some("server.listen")),
            ("sever.listen", Some("server.listen")),
            ("listen", Some("server.listen")),
            ("server.ping_after", Some("liveness.ping_after")),
            ("log.filtre", Some("log.filter")),
            ("server.colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, keys.into_iter()), meant, "{typed}");
        }
    }
}
