//! Conditions over the user's row `u` and the chat's row `c`, and their SQL.

use std::fmt::Write as _;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    True,
    False,
    /// SQL, and whether it looks at the user alone.
    Sql(String, bool),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

pub(super) fn not(of: Condition) -> Condition {
    match of {
        Condition::True => Condition::False,
        Condition::False => Condition::True,
        Condition::Not(of) => *of,
        Condition::And(a, b) => or(not(*a), not(*b)),
        Condition::Or(a, b) => and(not(*a), not(*b)),
        Condition::Sql(sql, user) => match sql.split_once(" <> ") {
            Some((left, right)) if !sql.contains(" AND ") => {
                Condition::Sql(format!("{left} = {right}"), user)
            }
            _ => Condition::Not(Box::new(Condition::Sql(sql, user))),
        },
    }
}

pub(super) fn and(a: Condition, b: Condition) -> Condition {
    match (a, b) {
        (Condition::True, other) | (other, Condition::True) => other,
        (Condition::False, _) | (_, Condition::False) => Condition::False,
        (a, b) => Condition::And(Box::new(a), Box::new(b)),
    }
}

pub(super) fn or(a: Condition, b: Condition) -> Condition {
    match (a, b) {
        (Condition::False, other) | (other, Condition::False) => other,
        (Condition::True, _) | (_, Condition::True) => Condition::True,
        (a, b) => Condition::Or(Box::new(a), Box::new(b)),
    }
}

pub(super) fn choose(condition: Condition, then: Condition, other: Condition) -> Condition {
    match then {
        Condition::True => or(condition, other),
        Condition::False => and(not(condition), other),
        then @ (Condition::Sql(..) | Condition::And(..) | Condition::Or(..) | Condition::Not(_)) => {
            or(and(condition.clone(), then), and(not(condition), other))
        }
    }
}

impl Condition {
    /// As SQL.
    pub(super) fn sql(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, false);
        out
    }

    fn write(&self, out: &mut String, inner: bool) {
        // Writing to a string does not fail.
        match self {
            Self::True => out.push_str("TRUE"),
            Self::False => out.push_str("FALSE"),
            Self::Sql(sql, _) => {
                let compound = inner && sql.contains(" AND ") && !sql.starts_with("EXISTS");
                let _ = if compound {
                    write!(out, "({sql})")
                } else {
                    write!(out, "{sql}")
                };
            }
            Self::Not(of) => {
                out.push_str("NOT ");
                of.write(out, true);
            }
            Self::And(a, b) | Self::Or(a, b) => {
                let word = if matches!(self, Self::And(..)) {
                    " AND "
                } else {
                    " OR "
                };
                let bracket = inner;
                if bracket {
                    out.push('(');
                }
                let same = |of: &Self| std::mem::discriminant(of) == std::mem::discriminant(self);
                a.write(out, !same(a));
                out.push_str(word);
                b.write(out, !same(b));
                if bracket {
                    out.push(')');
                }
            }
        }
    }

    /// What of it lets a user in whatever the chat: support staff.
    pub(super) fn staff(&self) -> Option<String> {
        match self {
            Self::Sql(sql, true) => Some(sql.clone()),
            Self::Or(a, b) => match (a.staff(), b.staff()) {
                (Some(a), Some(b)) => Some(format!("{a} OR {b}")),
                (one, other) => one.or(other),
            },
            Self::And(a, b) => {
                let (a, b) = (a.staff(), b.staff());
                a.zip(b).map(|(a, b)| format!("({a}) AND ({b})"))
            }
            Self::True | Self::False | Self::Sql(_, false) | Self::Not(_) => None,
        }
    }
}
