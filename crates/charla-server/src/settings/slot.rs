//! How a value of each type is read from text or TOML, and written back.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use charla_wire::TenantId;
use ipnet::IpNet;
use toml_edit::Value;

use super::rule::Rule;
use super::units::{parse_duration, parse_size, print_duration, print_size};

mod address;
mod choice;

/// A value as it was given.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// In the file, where it has a type.
    Toml(Value),
    /// In a variable or flag, where everything is text.
    Text(String),
}

impl Raw {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Toml(value) => value.as_str(),
            Self::Text(text) => Some(text.trim()),
        }
    }

    fn flag(&self) -> Option<bool> {
        match self {
            Self::Toml(value) => value.as_bool(),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// A whole number; `sizes`: also text with a unit.
    fn number(&self, sizes: bool) -> Option<u64> {
        match self {
            Self::Toml(Value::Integer(number)) => u64::try_from(*number.value()).ok(),
            Self::Toml(value) => value.as_str().filter(|_| sizes).and_then(parse_size),
            Self::Text(text) if sizes => parse_size(text),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// A number with or without a fraction.
    fn fraction(&self) -> Option<f64> {
        match self {
            Self::Toml(value) => value.as_float().or_else(|| {
                value
                    .as_integer()
                    .and_then(|whole| i32::try_from(whole).ok())
                    .map(f64::from)
            }),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// A list; in a variable, its items stand between commas.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Toml(value) => value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Self::Text(text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }

    /// The value as it was written, for the sentence that refuses it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Toml(value) => value.clone().decorated("", "").to_string(),
            Self::Text(text) => format!("{text:?}"),
        }
    }
}

/// A place in the settings that a value goes into.
pub(super) trait Slot {
    /// Takes a value that keeps the rule; `None`, and nothing changed, for another.
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()>;
    /// The value in TOML; `None` while there is none.
    fn print(&self, rule: Rule) -> Option<String>;
    /// The value, where it is a path.
    fn path(&self) -> Option<&Path> {
        None
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

impl Slot for bool {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        *self = raw.flag()?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(self.to_string())
    }
}

fn bounded(raw: &Raw, rule: Rule) -> Option<u64> {
    let sizes = matches!(rule, Rule::Bytes { .. });
    let (Rule::Count { min, max } | Rule::Bytes { min, max }) = rule else {
        return None;
    };
    raw.number(sizes).filter(|number| (min..=max).contains(number))
}

impl Slot for usize {
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        *self = Self::try_from(bounded(raw, rule)?).ok()?;
        Some(())
    }

    fn print(&self, rule: Rule) -> Option<String> {
        let size = matches!(rule, Rule::Bytes { .. })
            .then(|| print_size(*self as u64))
            .flatten();
        Some(size.map_or_else(|| self.to_string(), |text| quoted(&text)))
    }
}

impl Slot for u32 {
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        *self = Self::try_from(bounded(raw, rule)?).ok()?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(self.to_string())
    }
}

impl Slot for f64 {
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        let number = raw.fraction().filter(|_| rule == Rule::Ratio)?;
        *self = Some(number).filter(|number| (0.0..=1.0).contains(number))?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(self.to_string())
    }
}

impl Slot for Duration {
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        let Rule::Time { min, max } = rule else {
            return None;
        };
        *self = parse_duration(raw.text()?).filter(|time| (min..=max).contains(time))?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(quoted(&print_duration(*self)))
    }
}

impl Slot for SocketAddr {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        *self = raw.text()?.parse().ok()?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Slot for Vec<IpNet> {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let network = |text: &String| {
            let alone = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>()
                .map(|net| net.trunc())
                .or_else(|_| alone())
                .ok()
        };
        *self = raw.texts()?.iter().map(network).collect::<Option<_>>()?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(listed(self.iter().map(ToString::to_string)))
    }
}

impl Slot for Vec<String> {
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        let origins = raw.texts()?;
        if matches!(rule, Rule::Names) {
            let are_names = origins.iter().all(|name| !name.trim().is_empty());
            return are_names.then(|| *self = origins);
        }
        let anyone = origins.len() == 1 && origins.first().is_some_and(|origin| origin == "*");
        if !anyone && !origins.iter().all(|origin| is_origin(origin)) {
            return None;
        }
        *self = origins;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(listed(self.iter().cloned()))
    }
}

impl Slot for String {
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        let text = raw.text()?;
        if text.is_empty() || (rule == Rule::Filter && !crate::log::is_filter(text)) {
            return None;
        }
        text.clone_into(self);
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(quoted(self))
    }
}

impl Slot for Option<String> {
    /// Empty text takes the value away again.
    fn take(&mut self, raw: &Raw, rule: Rule) -> Option<()> {
        let text = raw.text()?;
        let fits = (rule != Rule::Origin || is_origin(text)) && (rule != Rule::Url || is_url(text));
        if !fits && !text.is_empty() {
            return None;
        }
        *self = Some(text.to_owned()).filter(|text| !text.is_empty());
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_deref().map(quoted)
    }
}

impl Slot for Option<TenantId> {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text()?;
        *self = if text.is_empty() {
            None
        } else {
            Some(TenantId::parse(text).ok()?)
        };
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_ref().map(|tenant| quoted(tenant.as_str()))
    }
}

impl Slot for PathBuf {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text().filter(|text| !text.is_empty())?;
        *self = Self::from(text);
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(quoted(&self.display().to_string()))
    }
}

impl Slot for Option<PathBuf> {
    /// Empty text takes the value away again.
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text()?;
        *self = Some(PathBuf::from(text)).filter(|_| !text.is_empty());
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_ref().map(|path| quoted(&path.display().to_string()))
    }

    fn path(&self) -> Option<&Path> {
        self.as_deref()
    }
}

/// Whether a text is `scheme://host[:port]` and no more, as browsers write an Origin (RFC 6454, 6.2).
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(word)
        && authority == authority.to_ascii_lowercase()
        && !authority.contains(['@', '*'])
        && is_authority(authority)
}

/// Whether a text is a host with or without a port.
fn is_authority(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['/', '?', '#'])
        && text.parse::<http::uri::Authority>().is_ok_and(|authority| {
            let rest = text.strip_prefix(authority.host()).unwrap_or_default();
            !authority.host().is_empty() && (rest.is_empty() || authority.port_u16().is_some())
        })
}

/// Whether a key set may be fetched there: in the clear only from this machine.
fn is_url(text: &str) -> bool {
    let host = text.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    (text.starts_with("https://") || (text.starts_with("http://") && local))
        && is_authority(host)
        && text.parse::<http::Uri>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for good in [
            "https://app.example.org",
            "http://localhost:3000",
            "http://[::1]:8080",
            "capacitor://localhost",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "app.example.org",
            "https://",
            "https://app.example.org/",
            "https://app.example.org/chat",
            "https://App.example.org",
            "https://*.example.org",
            "https://a@b.org",
            "https://a.org:99999",
            "https://a.org:",
            "https://a b",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn a_key_set_is_fetched_over_http() {
        assert!(is_url("https://login.example.org/.well-known/jwks.json"));
        assert!(is_url("http://127.0.0.1:8000/jwks"));
        for bad in [
            "",
            "login.example.org/jwks",
            "http://login.example.org/jwks",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://a:99999/",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
