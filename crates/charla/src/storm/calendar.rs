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
    /// Met on the way, of a later round.
    later: Vec<Appointment>,
}

impl Calendar {
    /// Empty, at time 0.
    pub(super) fn new() -> Self {
        Self {
            now_ms: 0,
            lists: vec![Vec::new(); RING],
            spare: Vec::new(),
            waiting: 0,
            later: Vec::new(),
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

    /// Goes to the next time that has appointments, and puts into `due` whose they are, by the order in which they
    /// were made; `None` when there are none until `end_ms`.
    pub(super) fn next(&mut self, end_ms: u32, due: &mut Vec<u32>) -> Option<u32> {
        due.clear();
        while self.waiting > 0 && self.now_ms <= end_ms {
            self.collect(due);
            if !due.is_empty() {
                return Some(self.now_ms);
            }
            self.now_ms += 1;
        }
        None
    }

    fn collect(&mut self, due: &mut Vec<u32>) {
        let slot = self.now_ms as usize % RING;
        let Some(list) = self.lists.get_mut(slot).filter(|list| !list.is_empty()) else {
            return;
        };
        let mut list = std::mem::take(list);
        for appointment in list.drain(..) {
            if appointment.at_ms == self.now_ms {
                self.waiting -= 1;
                due.push(appointment.client);
            } else {
                self.later.push(appointment);
            }
        }
        self.spare.push(list);
        let mut later = std::mem::take(&mut self.later);
        for appointment in later.drain(..) {
            self.note(appointment);
        }
        self.later = later;
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
        let mut due = Vec::new();
        while let Some(now_ms) = calendar.next(u32::MAX, &mut due) {
            assert!(due.iter().all(|&client| times[client as usize] == now_ms));
            kept.append(&mut due);
        }
        assert_eq!(kept, [4, 1, 6, 0, 3, 5, 2]);
        assert_eq!(calendar.waiting(), 0);
    }

    #[test]
    fn the_end_leaves_the_rest_waiting() {
        let mut calendar = Calendar::new();
        let mut due = Vec::new();
        calendar.put(0, 10);
        calendar.put(1, 11);
        assert_eq!(calendar.next(10, &mut due), Some(10));
        assert_eq!(due, [0]);
        assert_eq!(calendar.next(10, &mut due), None);
        assert_eq!(calendar.waiting(), 1);
    }

    #[test]
    fn who_is_late_is_kept_at_once() {
        let mut calendar = Calendar::new();
        let mut due = Vec::new();
        calendar.put(0, 10);
        assert_eq!(calendar.next(99, &mut due), Some(10));
        calendar.put(0, 3);
        assert_eq!(calendar.next(99, &mut due), Some(10));
        assert_eq!(due, [0]);
    }
}
