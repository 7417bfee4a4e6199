//! `[console]`: whether the operator's overview is kept and shown, and to whom without a key.

/// `[console]`
#[derive(Debug, Clone, Default)]
pub struct ConsoleSettings {
    /// Whether this node keeps what `/console` shows, and shows it.
    pub enabled: bool,
    /// The header in which a trusted proxy names an operator.
    pub user_header: Option<String>,
    /// Those among its names who may change something; empty: all of them.
    pub changers: Vec<String>,
    /// Open to this machine without a key: in a demo.
    pub open_on_loopback: bool,
}
