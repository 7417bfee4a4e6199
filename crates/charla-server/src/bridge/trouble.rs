//! What keeps the bridge from its Redis, said by the bridge's own settings: the way in is shared with the bus, whose words name
//! the bus'.

use crate::broker::remote::ended::Ended;

/// Where the bus has a setting, a variable or a page, and what stands for it here.
const OWN_WORDS: [(&str, &str); 8] = [
    ("`broker.url`", "`bridge.hosts`"),
    ("broker.password_file", "bridge.password_file"),
    ("broker.ca_file", "bridge.ca_file"),
    ("broker.cert_file", "bridge.cert_file"),
    ("broker.key_file", "bridge.key_file"),
    ("CHARLA_BROKER_URL", "CHARLA_BRIDGE_HOSTS"),
    ("docs/nodes.md", "docs/bridge.md"),
    ("the bus' certificate", "its certificate"),
];

/// The id in the table of causes that comes nearest.
pub(super) fn cause(ended: &Ended) -> &'static str {
    match ended.cause() {
        "broker_unavailable" => "bridge_unavailable",
        of_redis => of_redis,
    }
}

/// What to do about it, where that is known.
pub(super) fn advice(ended: &Ended) -> Option<String> {
    ended.advice().map(own)
}

fn own(advice: &str) -> String {
    OWN_WORDS.iter().fold(advice.to_owned(), |words, (of_bus, own)| {
        words.replace(of_bus, own)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_settings_of_the_bridge() {
        for (said, cause_id, word) in [
            ("WRONGPASS no", "redis_auth", "`bridge.password_file`"),
            ("NOPERM no", "bridge_unavailable", "docs/bridge.md"),
        ] {
            let ended = Ended::Refused(said.into());
            let advice = advice(&ended).unwrap();
            assert_eq!(cause(&ended), cause_id);
            assert!(
                advice.contains(word) && !advice.to_lowercase().contains("broker"),
                "{advice}"
            );
        }
    }
}
