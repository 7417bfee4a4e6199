//! Values that are one of a few words.

use super::{Raw, Slot, quoted};
use crate::settings::rule::Rule;
use crate::settings::{
    AuthorityKind, AuthorityPreset, ChannelLayer, DatabaseTls, DialectPreset, LogFormat, Rejects, Serializer,
    SessionBackend, WhenFull,
};

/// One of these words.
macro_rules! choice {
    ($type:ty, $($word:literal => $value:path),+) => {
        impl Slot for $type {
            fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
                *self = match raw.text()? {
                    $($word => $value,)+
                    _ => return None,
                };
                Some(())
            }

            fn print(&self, _: Rule) -> Option<String> {
                Some(quoted(match self {
                    $($value => $word,)+
                }))
            }
        }
    };
}

/// One of these words, or none.
macro_rules! optional_choice {
    ($type:ty, $($word:literal => $value:path),+) => {
        impl Slot for Option<$type> {
            /// Empty text takes the value away again.
            fn take(&mut self, raw: &Raw, _: Rule) -> Option<()> {
                *self = match raw.text()? {
                    "" => None,
                    $($word => Some($value),)+
                    _ => return None,
                };
                Some(())
            }

            fn print(&self, _: Rule) -> Option<String> {
                self.as_ref().map(|chosen| {
                    quoted(match chosen {
                        $($value => $word,)+
                    })
                })
            }
        }
    };
}

choice!(AuthorityKind, "builtin" => AuthorityKind::Builtin, "sql" => AuthorityKind::Sql, "http" => AuthorityKind::Http);
choice!(Rejects, "close" => Rejects::Close, "http" => Rejects::Http);
choice!(DialectPreset, "plain" => DialectPreset::Plain, "channels-es" => DialectPreset::ChannelsEs);
choice!(WhenFull, "refuse" => WhenFull::Refuse, "replace_oldest" => WhenFull::ReplaceOldest);
choice!(Serializer, "msgpack" => Serializer::Msgpack, "json" => Serializer::Json);
choice!(LogFormat, "pretty" => LogFormat::Pretty, "json" => LogFormat::Json);

optional_choice!(DatabaseTls, "off" => DatabaseTls::Off, "require" => DatabaseTls::Require, "verify-full" => DatabaseTls::VerifyFull);
optional_choice!(AuthorityPreset, "django" => AuthorityPreset::Django, "django-tenants" => AuthorityPreset::DjangoTenants);
optional_choice!(ChannelLayer, "core" => ChannelLayer::Core, "pubsub" => ChannelLayer::PubSub);
optional_choice!(SessionBackend, "database" => SessionBackend::Database, "cache" => SessionBackend::Cache, "cached_db" => SessionBackend::CachedDb);
