//! `[[bridge.groups]]` and `[[bridge.events]]` as they stand in the file, checked one by one: [`Entries`].

use charla_wire::TenantId;

use super::{EVENT_KINDS, EventKind, EventSettings, GroupName, GroupNameError, GroupSettings};
use crate::settings::problem::{Fault, Place, Problem};
use crate::settings::rule::Rule;
use crate::settings::slot::Raw;
use crate::settings::source::ForeignEntry;

/// The fields of one entry of `bridge.groups`.
pub(in crate::settings) const GROUP_FIELDS: [&str; 3] = ["group", "tenant", "tenant_field"];

/// The fields of one entry of `bridge.events`: `type`, `as`, the fields that are kept, and what fields are called.
pub(in crate::settings) const EVENT_FIELDS: [&str; 18] = [
    "type",
    "as",
    "fields",
    "tenant",
    "chat",
    "user",
    "text",
    "author",
    "author_id",
    "id",
    "seq",
    "sent_at",
    "kind",
    "url",
    "created",
    "reason",
    "by",
    "by_id",
];

/// Those of [`EVENT_FIELDS`] that say what a field is called.
const NAMES_FROM: usize = 3;

/// The words of [`EVENT_KINDS`] alone.
const KIND_WORDS: &[&str] = &[
    "message",
    "notification",
    "chat_closed",
    "event",
    "edited",
    "deleted",
];

/// What is wrong with one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settings) enum EntryFault {
    /// The name of a group cannot be read.
    Name(GroupNameError),
    /// Nothing says whose a group is.
    NoTenant,
    /// More than one thing says it.
    TwoTenants,
    /// A type that another entry has.
    TypeTwice,
}

/// Reads entries, and says what is wrong with them.
pub(in crate::settings) struct Entries<'a> {
    pub(in crate::settings) problems: &'a mut Vec<Problem>,
}

impl Entries<'_> {
    /// Every entry of `bridge.groups`.
    pub(in crate::settings) fn groups(&mut self, entries: &[ForeignEntry]) -> Vec<GroupSettings> {
        entries.iter().filter_map(|entry| self.group(entry)).collect()
    }

    /// Every entry of `bridge.events`.
    pub(in crate::settings) fn events(&mut self, entries: &[ForeignEntry]) -> Vec<EventSettings> {
        let mut events: Vec<EventSettings> = Vec::new();
        for entry in entries {
            let Some(event) = self.event(entry) else { continue };
            let is_same =
                |other: &EventSettings| other.name.replace('.', "_") == event.name.replace('.', "_");
            if events.iter().any(is_same) {
                let _: Option<()> = self.refuse(&entry.place, &event.name, EntryFault::TypeTwice);
            } else {
                events.push(event);
            }
        }
        events
    }

    fn group(&mut self, entry: &ForeignEntry) -> Option<GroupSettings> {
        let text = self.needed(entry, "bridge.groups", "group")?;
        let name = match GroupName::parse(&text) {
            Ok(name) => name,
            Err(error) => return self.refuse(&entry.place, &text, EntryFault::Name(error)),
        };
        let tenant = match self.text(entry, "bridge.groups", "tenant")? {
            Some(tenant) => match TenantId::parse(&tenant) {
                Ok(tenant) => Some(tenant),
                Err(_) => return self.not_allowed(entry, "bridge.groups", "tenant", Rule::Tenant),
            },
            None => None,
        };
        let tenant_field = self.text(entry, "bridge.groups", "tenant_field")?;
        let ways = [name.has_tenant(), tenant.is_some(), tenant_field.is_some()];
        match ways.into_iter().filter(|is_way| *is_way).count() {
            0 => self.refuse(&entry.place, &text, EntryFault::NoTenant),
            1 => Some(GroupSettings {
                name,
                tenant,
                tenant_field,
            }),
            _ => self.refuse(&entry.place, &text, EntryFault::TwoTenants),
        }
    }

    fn event(&mut self, entry: &ForeignEntry) -> Option<EventSettings> {
        let name = self.needed(entry, "bridge.events", "type")?;
        let word = self.needed(entry, "bridge.events", "as")?;
        let Some((_, kind)) = EVENT_KINDS.into_iter().find(|(known, _)| *known == word) else {
            return self.not_allowed(entry, "bridge.events", "as", Rule::Choice(KIND_WORDS));
        };
        let mut fields = Vec::new();
        for what in EVENT_FIELDS.into_iter().skip(NAMES_FROM) {
            if let Some(field) = self.text(entry, "bridge.events", what)? {
                fields.push((what, field));
            }
        }
        let kept = match field(entry, "fields") {
            None => None,
            Some((raw, _)) => match raw.texts() {
                Some(kept) if kind == EventKind::Event => Some(kept),
                Some(_) | None => {
                    return self.not_allowed(entry, "bridge.events", "fields", Rule::FieldNames);
                }
            },
        };
        Some(EventSettings {
            name,
            kind,
            fields,
            kept,
        })
    }

    fn needed(&mut self, entry: &ForeignEntry, list: &str, name: &str) -> Option<String> {
        let text = self.text(entry, list, name)?;
        if text.is_none() {
            let (key, any) = (list.to_owned(), vec![format!("{list}.{name}")]);
            self.problems
                .push(Problem::new(&entry.place, Fault::Needs { key, any }));
        }
        text
    }

    /// A field that is text: `None` when it is something else, `Some(None)` when it is not there.
    fn text(&mut self, entry: &ForeignEntry, list: &str, name: &str) -> Option<Option<String>> {
        let Some((raw, _)) = field(entry, name) else {
            return Some(None);
        };
        match raw.text().filter(|text| !text.is_empty()) {
            Some(text) => Some(Some(text.to_owned())),
            None => self.not_allowed(entry, list, name, Rule::Text),
        }
    }

    fn not_allowed<T>(&mut self, entry: &ForeignEntry, list: &str, name: &str, rule: Rule) -> Option<T> {
        let (raw, place) = field(entry, name)?;
        let fault = Fault::NotAllowed {
            key: format!("{list}.{name}"),
            given: Some(raw.shown()),
            rule,
        };
        self.problems.push(Problem::new(&place, fault));
        None
    }

    fn refuse<T>(&mut self, place: &Place, name: &str, why: EntryFault) -> Option<T> {
        let name = name.to_owned();
        self.problems
            .push(Problem::new(place, Fault::Entry { name, why }));
        None
    }
}

fn field(entry: &ForeignEntry, name: &str) -> Option<(Raw, Place)> {
    let found = entry.fields.iter().find(|(field, _, _)| field == name);
    found.map(|(_, value, place)| (Raw::Toml(value.clone()), place.clone()))
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::loaded;
    use crate::settings::{ChannelLayer, EventKind, load};

    const HEAD: &str = "[bridge]\nlayer = \"core\"\nhosts = [\"redis://127.0.0.1/1\"]\n";
    const GROUP: &str = "[[bridge.groups]]\ngroup = \"{tenant}.chat_{chat}\"\n";
    const EVENT: &str = "[[bridge.events]]\ntype = \"chat_message\"\nas = \"message\"\nauthor = \"autor\"\n";

    #[test]
    fn a_bridge_is_read() {
        let bridge = loaded(&format!("{HEAD}{GROUP}{EVENT}")).unwrap().bridge;
        assert_eq!((bridge.layer, bridge.groups.len()), (Some(ChannelLayer::Core), 1));
        assert_eq!(bridge.hosts[0].database, 1);
        assert_eq!(bridge.events[0].kind, EventKind::Message);
        assert_eq!(bridge.events[0].field("author"), Some("autor"));
    }

    #[test]
    fn groups_and_events_are_shown_with_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("charla.toml");
        std::fs::write(&path, format!("{HEAD}{GROUP}{EVENT}")).unwrap();
        let lines = load(Some(&path), std::iter::empty(), &[]).unwrap().shown();
        let entries = lines.iter().filter(|line| line.key.contains('['));
        let entries: Vec<_> = entries
            .map(|line| format!("{} = {}", line.key, line.value.as_deref().unwrap()))
            .collect();
        assert_eq!(
            entries,
            [
                r#"bridge.groups[0] = { group = "{tenant}.chat_{chat}" }"#,
                r#"bridge.events[0] = { type = "chat_message", as = "message", author = "autor" }"#
            ]
        );
        let place = &lines
            .iter()
            .find(|line| line.key == "bridge.groups[0]")
            .unwrap()
            .place;
        assert!(matches!(place, crate::settings::Place::Line(_, 4)), "{place:?}");
    }

    #[test]
    fn what_is_wrong_with_a_bridge_is_said() {
        let group = |fields: &str| format!("{HEAD}[[bridge.groups]]\n{fields}\n{EVENT}");
        for (text, why) in [
            (
                group("group = \"chat_{chat}\""),
                "nothing says whose these groups are",
            ),
            (
                group("group = \"{tenant}.{chat}\"\ntenant = \"acme\""),
                "more than one thing says",
            ),
            (group("group = \"soporte\""), "exactly one of {chat} and {user}"),
            (group("group = \"chat_{chat}\"\ntenant = \"../x\""), "cannot be"),
            (
                format!("{HEAD}ca_file = \"ca.pem\"\n{GROUP}{EVENT}"),
                "`bridge.ca_file` means nothing unless `bridge.hosts` begins with rediss",
            ),
            (
                format!("{HEAD}key_file = \"k.pem\"\n{GROUP}{EVENT}"),
                "`bridge.key_file` needs `bridge.cert_file`",
            ),
            (
                group("group = \"chat_{chat}\"\ntenants = \"acme\""),
                "did you mean `bridge.groups.tenant`",
            ),
            (group("tenant = \"acme\""), "needs `bridge.groups.group`"),
            (format!("{HEAD}{GROUP}"), "needs `bridge.events`"),
            (
                format!("{HEAD}{GROUP}{EVENT}{EVENT}"),
                "another entry has this type",
            ),
            (format!("{HEAD}{GROUP}{EVENT}fields = [\"a\"]"), "only with as"),
            (
                format!("{HEAD}{GROUP}{EVENT}").replace("redis://", "redis://:s3cret@"),
                "CHARLA_BRIDGE_HOSTS",
            ),
        ] {
            let said = loaded(&text).unwrap_err();
            assert!(said.contains(why), "{why}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
