//! The handshake, at one place and at every hop: the browser's own first, its variations where that was refused.
//!
//! A healthy server is bothered with a single connection. The browser's handshake and the variations are two steps, so
//! that logs can be read between them: a token that cannot be right leaves its own line in the application's log.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::evidence::{After, Answer, Handshake, Hop, Shape};
use crate::probe::answer;
use crate::probe::ask::Ask;
use crate::probe::held::Held;
use crate::probe::place::Place;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first packet to the head of the answer.
    pub answer_within: Duration,
    /// After a 101, to see whether it holds.
    pub watch_for: Duration,
}

/// One handshake; the connection too, when it is open at the end. The browser's alone insists on a good certificate: for
/// the others the way behind it matters.
pub async fn try_one(
    place: &Place,
    ask: &Ask,
    shape: Shape,
    patience: Patience,
) -> (Handshake, Option<Held>) {
    let began = Instant::now();
    let Some(request) = ask.shaped(shape) else {
        return (
            Handshake {
                shape,
                answer: Answer::Untried,
                ms: 0,
            },
            None,
        );
    };
    let deadline = began + patience.answer_within;
    let upgraded = match place.connect(deadline, shape == Shape::Browser).await {
        Ok(wire) => answer::ask(wire, &request, deadline).await,
        Err(answer) => Err(answer),
    };
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let upgrade = match upgraded {
        Ok(upgrade) => upgrade,
        Err(answer) => return (Handshake { shape, answer, ms }, None),
    };
    let (protocol, extensions) = (upgrade.protocol.clone(), upgrade.extensions.clone());
    let (offered, valid) = (upgrade.offered, upgrade.valid);
    let mut held = Held::new(upgrade);
    let after = held.watch(patience.watch_for).await;
    let open = matches!(after, After::Open { .. });
    let answer = Answer::Upgraded {
        protocol,
        offered,
        extensions,
        valid,
        after,
    };
    (Handshake { shape, answer, ms }, open.then_some(held))
}

/// The browser's handshake at a hop, whose `tried` it adds to; the connection too, when it is open.
pub async fn browser(mut hop: Hop, place: &Place, ask: &Ask, patience: Patience) -> (Hop, Option<Held>) {
    let (handshake, held) = try_one(place, ask, Shape::Browser, patience).await;
    hop.tried.push(handshake);
    (hop, held)
}

/// The variations that tell more about an answer: none for a connection that is open, or a place that nobody reaches.
#[must_use]
pub fn worth_trying(answer: &Answer) -> &'static [Shape] {
    match answer {
        Answer::Upgraded {
            valid: true,
            after: After::Open { .. },
            protocol: None,
            offered: true,
            ..
        } => &[Shape::NoProtocol],
        Answer::Upgraded {
            after: After::Open { .. },
            ..
        } => &[],
        Answer::Upgraded { .. } => &[Shape::NoToken, Shape::BadToken],
        Answer::Http {
            status: 300..=399, ..
        } => &[Shape::OtherSlash, Shape::Plain],
        Answer::Http {
            status: 401 | 403, ..
        } => &[
            Shape::BadToken,
            Shape::NoToken,
            Shape::NoOrigin,
            Shape::OwnOrigin,
            Shape::NoProtocol,
        ],
        Answer::Http {
            status: 502..=504, ..
        } => &[Shape::BadToken],
        Answer::Http { .. } => &[Shape::BadToken, Shape::OtherSlash, Shape::Plain, Shape::NoOrigin],
        Answer::Silent => &[Shape::BadToken],
        Answer::HungUp { .. } => &[Shape::BadToken, Shape::NoOrigin, Shape::Plain],
        Answer::Tls(_) => &[Shape::BadToken],
        Answer::Refused
        | Answer::Unreachable(_)
        | Answer::NoConnection
        | Answer::NotHttp(_)
        | Answer::Untried => &[],
    }
}

/// The given variations, all at once; those that were tried already, or would be the browser's own, are left out. What
/// opens is closed in order.
pub async fn others(mut hop: Hop, place: &Place, ask: &Ask, shapes: &[Shape], patience: Patience) -> Hop {
    let mut trying = JoinSet::new();
    for (index, shape) in shapes.iter().copied().enumerate() {
        if hop.shaped(shape).is_some() {
            continue;
        }
        let (place, ask) = (place.clone(), ask.clone());
        trying.spawn(async move {
            let (handshake, held) = try_one(&place, &ask, shape, patience).await;
            if let Some(held) = held {
                held.close(patience.watch_for).await;
            }
            (index, handshake)
        });
    }
    let mut tried = Vec::new();
    while let Some(one) = trying.join_next().await {
        // One that fell over is one that was not tried.
        tried.extend(one.ok());
    }
    tried.sort_by_key(|(index, _)| *index);
    let tried = tried.into_iter().map(|(_, handshake)| handshake);
    hop.tried
        .extend(tried.filter(|one| one.answer != Answer::Untried));
    hop
}

/// Both steps at once, where nobody reads logs in between.
pub async fn hop(hop: Hop, place: &Place, ask: &Ask, patience: Patience) -> (Hop, Option<Held>) {
    let (hop, held) = browser(hop, place, ask, patience).await;
    let shapes = hop.browser().map_or(&[][..], worth_trying);
    (others(hop, place, ask, shapes, patience).await, held)
}
