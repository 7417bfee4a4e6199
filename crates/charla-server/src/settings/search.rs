//! `[search]`: messages by their words.

/// `[search]`
#[derive(Debug, Clone)]
pub struct SearchSettings {
    /// Whether messages can be searched for.
    pub enabled: bool,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}
