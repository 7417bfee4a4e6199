//! The server that comes back: a queue of bounded work, and refusals that are work too.

use super::scene::{PREFLIGHT_COST, Scene};

const NS_IN_MS: u64 = 1_000_000;

/// One that works off what has reached it, in order.
#[derive(Debug)]
pub(super) struct Server {
    up_at_ms: u32,
    queue_ns: u64,
    handshake_ns: u64,
    preflight_ns: u64,
    refusal_ns: u64,
    /// When all work so far is done.
    idle_at_ns: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody is there.
    Down,
    /// The queue is full.
    Refused,
    /// Served at this time, whether or not the client still waits.
    Served {
        /// Virtual time.
        at_ms: u32,
    },
}

impl Server {
    pub(super) fn new(scene: &Scene) -> Self {
        // Rounded up, so that no second can hold more than the accept rate.
        let handshake_ns = 1_000_000_000_u64.div_ceil(u64::from(scene.accept_rate));
        let share = |of_a_handshake: f64| whole(handshake_ns as f64 * of_a_handshake);
        Self {
            up_at_ms: scene.down_ms,
            queue_ns: whole(scene.queue_ms * NS_IN_MS as f64),
            handshake_ns,
            preflight_ns: share(PREFLIGHT_COST),
            refusal_ns: share(scene.refusal_cost),
            idle_at_ns: 0,
        }
    }

    /// A handshake arrives.
    pub(super) fn handshake(&mut self, now_ms: u32) -> Fate {
        self.serve(now_ms, self.handshake_ns)
    }

    /// A preflight arrives.
    pub(super) fn preflight(&mut self, now_ms: u32) -> Fate {
        self.serve(now_ms, self.preflight_ns)
    }

    fn serve(&mut self, now_ms: u32, work_ns: u64) -> Fate {
        if now_ms < self.up_at_ms {
            return Fate::Down;
        }
        let now_ns = u64::from(now_ms) * NS_IN_MS;
        let begin_ns = self.idle_at_ns.max(now_ns);
        if begin_ns - now_ns > self.queue_ns {
            self.idle_at_ns = begin_ns + self.refusal_ns;
            return Fate::Refused;
        }
        self.idle_at_ns = begin_ns + work_ns;
        let at_ms = u32::try_from(self.idle_at_ns / NS_IN_MS).unwrap_or(u32::MAX);
        Fate::Served { at_ms }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts are positive, and a cast of a float saturates"
)]
const fn whole(amount: f64) -> u64 {
    amount as u64
}

#[cfg(test)]
mod tests {
    use super::{Fate, Server};
    use crate::storm::tests::scene;

    #[test]
    fn nothing_is_served_while_it_is_down() {
        let mut server = Server::new(&scene());
        assert_eq!(server.handshake(29_999), Fate::Down);
        assert_eq!(server.handshake(30_000), Fate::Served { at_ms: 30_001 });
    }

    #[test]
    fn the_queue_is_bounded_and_refusing_is_work() {
        let mut scene = scene();
        (scene.accept_rate, scene.queue_ms, scene.refusal_cost) = (10, 1_000.0, 0.5);
        let mut server = Server::new(&scene);
        let served = (1..=11).map(|nth| Fate::Served {
            at_ms: 30_000 + 100 * nth,
        });
        for fate in served {
            assert_eq!(server.handshake(30_000), fate);
        }
        // 1.1 s wait now; a refusal makes it 1.15.
        assert_eq!(server.handshake(30_000), Fate::Refused);
        assert_eq!(server.handshake(30_149), Fate::Refused);
        assert_eq!(server.preflight(30_200), Fate::Served { at_ms: 31_230 });
        assert_eq!(server.handshake(30_230), Fate::Served { at_ms: 31_330 });
    }
}
