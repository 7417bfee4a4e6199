//! Addresses of databases and of Redis, which may have passwords in them: shown without.

use super::{Raw, Slot, listed, quoted};
use crate::settings::rule::Rule;
use crate::settings::{ApplicationUrl, BrokerUrl, RedisUrl, StoreUrl};

impl Slot for Option<StoreUrl> {
    /// Empty text takes the value away again.
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text()?;
        *self = if text.is_empty() {
            None
        } else {
            Some(StoreUrl::parse(text)?)
        };
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_ref().map(|url| quoted(url.shown()))
    }
}

impl Slot for Option<BrokerUrl> {
    /// Empty text takes the value away again.
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text()?;
        *self = if text.is_empty() {
            None
        } else {
            Some(BrokerUrl::parse(text)?)
        };
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_ref().map(|url| quoted(url.shown()))
    }
}

impl Slot for Option<ApplicationUrl> {
    /// Empty text takes the value away again.
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text()?;
        *self = if text.is_empty() {
            None
        } else {
            Some(ApplicationUrl::parse(text)?)
        };
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_ref().map(|url| quoted(&url.shown()))
    }
}

impl Slot for Option<RedisUrl> {
    /// Empty text takes the value away again.
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        let text = raw.text()?;
        *self = if text.is_empty() {
            None
        } else {
            Some(RedisUrl::parse(text)?)
        };
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        self.as_ref().map(|url| quoted(&url.shown()))
    }
}

impl Slot for Vec<RedisUrl> {
    fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
        *self = raw
            .texts()?
            .iter()
            .map(|text| RedisUrl::parse(text))
            .collect::<Option<_>>()?;
        Some(())
    }

    fn print(&self, _: Rule) -> Option<String> {
        Some(listed(self.iter().map(RedisUrl::shown)))
    }
}
