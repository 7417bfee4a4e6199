//! Answers that still count: [`Cache`].
//!
//! A key carries its tenant, so that no tenant's answer serves another. At most so many are kept; the oldest go first.

use std::collections::{HashMap, VecDeque};

use charla_core::Millis;

use super::{Answer, Forgotten, Question};

struct Kept {
    answer: Answer,
    until: Millis,
    number: u64,
}

/// Answers by their questions.
pub(super) struct Cache {
    max: usize,
    kept: HashMap<Question, Kept>,
    // In the order in which they came; those that were replaced or forgotten stand in it until they come to the front.
    order: VecDeque<(Question, u64)>,
    next: u64,
    /// Grows each time that something is forgotten: an answer to what was asked before must not be kept.
    epoch: u64,
}

impl Cache {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            kept: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
            epoch: 0,
        }
    }

    /// The answer, if it still counts.
    pub(super) fn get(&self, question: &Question, now: Millis) -> Option<Answer> {
        let kept = self.kept.get(question)?;
        (now < kept.until).then(|| kept.answer.clone())
    }

    /// To be handed to [`Cache::put`] with the answer.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Keeps an answer for a while, unless something was forgotten since it was asked for.
    pub(super) fn put(&mut self, question: Question, answer: Answer, until: Millis, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        let number = self.next;
        self.next += 1;
        self.order.push_back((question.clone(), number));
        self.kept.insert(
            question,
            Kept {
                answer,
                until,
                number,
            },
        );
        while self.kept.len() > self.max || self.order.len() > self.max * 2 {
            let Some((oldest, number)) = self.order.pop_front() else {
                return;
            };
            if self.kept.get(&oldest).is_some_and(|kept| kept.number == number) {
                self.kept.remove(&oldest);
            }
        }
    }

    /// Drops what is forgotten.
    pub(super) fn forget(&mut self, forgotten: &Forgotten) {
        self.epoch += 1;
        self.kept.retain(|question, _| !forgotten.is_about(question));
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.epoch += 1;
        self.kept.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use charla_core::UserKey;
    use charla_wire::{ChatId, TenantId, UserId};

    use super::super::Verdict;
    use super::*;

    fn question(tenant: &str, user: &str, chat: &str) -> Question {
        Question {
            user: UserKey {
                tenant: TenantId::parse(tenant).unwrap(),
                user: UserId::parse(user).unwrap(),
            },
            chat: Some(ChatId::parse(chat).unwrap()),
        }
    }

    fn answer(verdict: Verdict) -> Answer {
        Answer {
            verdict,
            ..Answer::none(verdict)
        }
    }

    #[test]
    fn an_answer_counts_for_its_time_and_its_tenant() {
        let mut cache = Cache::new(10);
        cache.put(question("a", "7", "5"), answer(Verdict::Allow), 100, 0);
        assert!(cache.get(&question("a", "7", "5"), 99).is_some());
        assert!(cache.get(&question("a", "7", "5"), 100).is_none());
        assert!(cache.get(&question("b", "7", "5"), 0).is_none());
        assert!(cache.get(&question("a", "8", "5"), 0).is_none());
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let mut cache = Cache::new(3);
        for round in 0..50 {
            cache.put(question("a", "1", "1"), answer(Verdict::Allow), 100, 0);
            cache.put(
                question("a", "1", &format!("{}", round + 2)),
                answer(Verdict::Deny),
                100,
                0,
            );
            assert!(cache.kept.len() <= 3 && cache.order.len() <= 6);
        }
        assert!(cache.get(&question("a", "1", "51"), 0).is_some());
        assert!(cache.get(&question("a", "1", "40"), 0).is_none());
    }

    #[test]
    fn what_was_asked_before_a_forgetting_is_not_kept() {
        let mut cache = Cache::new(10);
        let epoch = cache.epoch();
        cache.put(question("a", "7", "6"), answer(Verdict::Allow), 100, epoch);
        cache.put(question("b", "7", "5"), answer(Verdict::Allow), 100, epoch);
        cache.forget(&Forgotten {
            tenant: TenantId::parse("a").unwrap(),
            user: Some(UserId::parse("7").unwrap()),
            chat: None,
        });
        cache.put(question("a", "7", "5"), answer(Verdict::Allow), 100, epoch);
        assert!(cache.get(&question("a", "7", "5"), 0).is_none());
        assert!(cache.get(&question("a", "7", "6"), 0).is_none());
        assert!(cache.get(&question("b", "7", "5"), 0).is_some());
    }
}
