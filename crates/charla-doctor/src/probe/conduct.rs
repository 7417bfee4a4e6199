//! How an open connection behaves: whether pings and closes are answered, how long silence is borne, how large a message
//! may be.

use std::time::Duration;

use crate::evidence::{After, Conduct};
use crate::probe::held::Held;

/// After a large message so long is watched for the connection's end.
const MESSAGE_WATCH: Duration = Duration::from_secs(2);

/// What to try beyond a ping and a close.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trial {
    /// Hold the connection in silence for so long.
    pub idle: Option<Duration>,
    /// Send one text of so many bytes.
    pub message_bytes: Option<usize>,
}

/// Tries an open connection, and ends it. `direct` is one at the server's own socket, held in silence beside it: what
/// outlives the other was not cut by the server.
pub async fn look(at: &str, mut held: Held, direct: Option<Held>, trial: Trial, within: Duration) -> Conduct {
    let mut conduct = Conduct {
        at: at.to_owned(),
        pinged: true,
        ..Conduct::default()
    };
    conduct.ping_ms = held.ping(within).await.map(millis);
    if let Some(long) = trial.idle {
        conduct.idle_wanted_ms = Some(millis(long));
        conduct.idle_direct = direct.is_some();
        let beside = async {
            let mut direct = direct?;
            let after = direct.watch(long).await;
            direct.close(within).await;
            ended(after)
        };
        let (after, beside) = tokio::join!(held.watch(long), beside);
        conduct.idle_end = ended(after);
        conduct.idle_direct_end = beside;
        conduct.server_pings_ms = held.pings().to_vec();
    } else if let Some(direct) = direct {
        direct.close(within).await;
    }
    if let Some(bytes) = trial.message_bytes
        && held.end().is_none()
    {
        let text = message(bytes);
        conduct.sent_bytes = Some(text.len() as u64);
        conduct.sent_end = held.say(&text, MESSAGE_WATCH).await;
    }
    if held.end().is_none() {
        conduct.closed = true;
        conduct.close_relayed = held.close(within).await;
    }
    conduct
}

fn ended(after: After) -> Option<After> {
    (!matches!(after, After::Open { .. })).then_some(after)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A text of so many bytes that is JSON with the keys chats use, so that its size and not its form is what is tried.
fn message(bytes: usize) -> String {
    let head = r#"{"type":"message","message":"charla doctor","text":"charla doctor","texto":"charla doctor","padding":""#;
    let tail = "\"}";
    let padding = bytes.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", "x".repeat(padding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_json_of_the_length_that_was_asked_for() {
        for bytes in [1_000, 70_000] {
            let text = message(bytes);
            assert_eq!(text.len(), bytes);
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
