//! Worlds broken on purpose: a checker that finds nothing in them proves nothing in the others.

/// What is done wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// A node acknowledges a message before the store has it.
    AckBeforeCommit,
    /// A node passes messages on as they come, whatever their numbers.
    DeliversAsItComes,
    /// A node that sees a number skipped does not read the store.
    RepairsNoGap,
    /// Whoever enters a chat is not told what was said between the look into the store and now.
    ForgetsTheGap,
    /// A node never looks in the store for hints that got lost.
    NeverLooks,
    /// A client sends again under another id.
    FreshIds,
    /// A client hands on whatever comes, without its cursor: no sabotage but a second opinion, for nodes alone keep the order.
    NoCursor,
}

impl Sabotage {
    /// All that break a promise.
    pub const ALL: &'static [Self] = &[
        Self::AckBeforeCommit,
        Self::DeliversAsItComes,
        Self::RepairsNoGap,
        Self::ForgetsTheGap,
        Self::NeverLooks,
        Self::FreshIds,
    ];
}
