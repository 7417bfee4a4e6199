//! The table of causes, `protocol/causes.toml`, as the generators and the tidy checks read it.

use std::{fs, path::Path};

use serde::Deserialize;

/// Where the table stands, seen from the root of the repository.
pub(crate) const TABLE: &str = "protocol/causes.toml";

/// The whole table, in the order of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Causes {
    #[serde(rename = "cause")]
    pub(crate) causes: Vec<Cause>,
}

/// One row; the fields are explained at the head of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    pub(crate) id: String,
    pub(crate) side: Side,
    pub(crate) group: String,
    pub(crate) code: Option<u16>,
    pub(crate) status: Option<u16>,
    pub(crate) retry: Retry,
    #[serde(default)]
    pub(crate) browser: bool,
    /// The snippets of both languages; [`parse`] hands them to each.
    #[serde(default)]
    fix: Vec<String>,
    pub(crate) en: Words,
    pub(crate) es: Words,
}

/// What a person reads, in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub(crate) title: String,
    pub(crate) explain: String,
    #[serde(default)]
    pub(crate) fix: Vec<String>,
    pub(crate) check: String,
}

/// Where a cause sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    Server,
    Path,
    Page,
    Host,
    Client,
}

/// What a client does about a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Retry {
    Refresh,
    Backoff,
    Wait,
    Stop,
    Resume,
}

impl Retry {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Backoff => "backoff",
            Self::Wait => "wait",
            Self::Stop => "stop",
            Self::Resume => "resume",
        }
    }
}

impl Cause {
    /// The name of the variant: `token_expired` is `TokenExpired`.
    pub(crate) fn variant(&self) -> String {
        camel_case(&self.id)
    }
}

/// Reads the table.
pub(crate) fn load(root: &Path) -> Result<Causes, String> {
    let text = fs::read_to_string(root.join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    parse(&text)
}

/// Reads the table from its text.
pub(crate) fn parse(text: &str) -> Result<Causes, String> {
    let mut table: Causes = toml::from_str(text).map_err(|error| format!("{TABLE}: {error}"))?;
    for cause in &mut table.causes {
        if cause.fix.is_empty() {
            continue;
        }
        if !cause.en.fix.is_empty() || !cause.es.fix.is_empty() {
            return Err(format!(
                "{TABLE}: {}: the fix is either shared or told in each language",
                cause.id
            ));
        }
        cause.en.fix.clone_from(&cause.fix);
        cause.es.fix = std::mem::take(&mut cause.fix);
    }
    Ok(table)
}

/// `channel_layer` as `ChannelLayer`.
pub(crate) fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    for word in snake.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}
