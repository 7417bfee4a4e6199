//! Who acts when: one appointment a client, found without comparing.
//!
//! A ring of lists, one list a millisecond: making and keeping an appointment touches the end of a list and nothing
//! that belongs to the client. Who is further away than the ring is long is met on the way and put off for another
//! round. Lists that were emptied lend their memory to the next.

/// Milliseconds of the ring: longer than most waits.
const RING: usize = 1 << 17;

/// A client's number and its time.
#[derive(Debug, Clone, Copy)]
struct Appointment {
    at_ms: u32,
    client: u32,
}

/// Appointments, each made once and kept once.
#[derive(Debug)]
pub(super) struct Calendar {
    now_ms: u32,
    lists: Vec<Vec<Appointment>>,
    spare: Vec<Vec<Appointment>>,
    waiting: u32,
    /// The list that is being kept, and how far.
    due: Vec<Appointment>,
    kept: usize,
}

impl Calendar {
    /// Empty, at time 0.
    pub(super) fn new() -> Self {
        Self {
            now_ms: 0,
            lists: vec![Vec::new(); RING],
            spare: Vec::new(),
            waiting: 0,
            due: Vec::new(),
            kept: 0,
        }
    }

    /// Makes an appointment; what is due already is kept next.
    pub(super) fn put(&mut self, client: u32, at_ms: u32) {
        self.waiting += 1;
        let at_ms = at_ms.max(self.now_ms);
        self.note(Appointment { at_ms, client });
    }

    fn note(&mut self, appointment: Appointment) {
        if let Some(list) = self.lists.get_mut(appointment.at_ms as usize % RING) {
            if list.capacity() == 0
                && let Some(spare) = self.spare.pop()
            {
                *list = spare;
            }
            list.push(appointment);
        }
    }

    /// The next client and its time, by the order in which appointments of one millisecond were made; nobody when
    /// there is none until `end_ms`.
    pub(super) fn next(&mut self, end_ms: u32) -> Option<(u32, u32)> {
        loop {
            if let Some(appointment) = self.due.get(self.kept) {
                self.kept += 1;
                self.waiting -= 1;
                return Some((appointment.client, self.now_ms));
            }
            self.collect();
            if self.due.is_empty() {
                if self.waiting == 0 || self.now_ms >= end_ms {
                    return None;
                }
                self.now_ms += 1;
            }
        }
    }

    /// Takes out who is due now.
    fn collect(&mut self) {
        self.kept = 0;
        self.due.clear();
        let slot = self.now_ms as usize % RING;
        let Some(list) = self.lists.get_mut(slot).filter(|list| !list.is_empty()) else {
            return;
        };
        let emptied = std::mem::replace(&mut self.due, std::mem::take(list));
        if emptied.capacity() > 0 {
            self.spare.push(emptied);
        }
        let now_ms = self.now_ms;
        if self.due.iter().any(|one| one.at_ms != now_ms) {
            let (due, later) = self.due.drain(..).partition(|one| one.at_ms == now_ms);
            self.due = due;
            for appointment in later {
                self.note(appointment);
            }
        }
    }

    /// Appointments not kept.
    pub(super) const fn waiting(&self) -> u32 {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, RING};

    #[test]
    fn appointments_are_kept_in_order_however_far_away() {
        let round = u32::try_from(RING).unwrap();
        let times = [40, 7, 3 * round + 5, 40, 0, round + 7, 7];
        let mut calendar = Calendar::new();
        for (client, at_ms) in (0..).zip(times) {
            calendar.put(client, at_ms);
        }
        let mut kept = Vec::new();
        while let Some((client, now_ms)) = calendar.next(u32::MAX) {
            assert_eq!(now_ms, times[client as usize]);
            kept.push(client);
        }
        assert_eq!(kept, [4, 1, 6, 0, 3, 5, 2]);
        assert_eq!(calendar.waiting(), 0);
    }

    #[test]
    fn the_end_leaves_the_rest_waiting() {
        let mut calendar = Calendar::new();
        calendar.put(0, 10);
        calendar.put(1, 11);
        assert_eq!(calendar.next(10), Some((0, 10)));
        assert_eq!(calendar.next(10), None);
        assert_eq!(calendar.waiting(), 1);
    }

    #[test]
    fn who_is_late_is_kept_at_once() {
        let mut calendar = Calendar::new();
        calendar.put(0, 10);
        assert_eq!(calendar.next(99), Some((0, 10)));
        calendar.put(0, 3);
        assert_eq!(calendar.next(99), Some((0, 10)));
    }
}
