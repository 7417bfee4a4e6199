//! The name of a group of Channels, with places for ids in it: [`GroupName`]. Written from ids, and read back only where
//! there is one way to read it.

use std::fmt;

/// What Channels allows of a group's name, in characters (`channels.layers`: `MAX_NAME_LENGTH`).
const NAME_MAX: usize = 99;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Tenant,
    Chat,
    User,
}

/// A name such as `{tenant}.chat_{chat}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName {
    parts: Vec<Part>,
}

/// What stands in the places of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named<'n> {
    /// At `{tenant}`.
    pub tenant: Option<&'n str>,
    /// At `{chat}`.
    pub chat: Option<&'n str>,
    /// At `{user}`.
    pub user: Option<&'n str>,
}

/// Why a text is no name of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupNameError {
    /// Other characters than Channels allows, or a brace without its place.
    Characters,
    /// Neither `{chat}` nor `{user}`, or both.
    Whose,
    /// A place twice, or two with nothing between.
    Ambiguous,
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

impl GroupName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`GroupNameError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, GroupNameError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, behind) = match rest.split_once('{') {
                Some((literal, behind)) => (literal, Some(behind)),
                None => (rest, None),
            };
            if !literal.chars().all(is_allowed) {
                return Err(GroupNameError::Characters);
            }
            if !literal.is_empty() {
                parts.push(Part::Text(literal.to_owned()));
            }
            let Some(behind) = behind else { break };
            let (place, behind) = behind.split_once('}').ok_or(GroupNameError::Characters)?;
            let place = match place {
                "tenant" => Part::Tenant,
                "chat" => Part::Chat,
                "user" => Part::User,
                _ => return Err(GroupNameError::Characters),
            };
            let touches = parts.last().is_some_and(|last| !matches!(last, Part::Text(_)));
            if touches || parts.contains(&place) {
                return Err(GroupNameError::Ambiguous);
            }
            parts.push(place);
            rest = behind;
        }
        if parts.contains(&Part::Chat) == parts.contains(&Part::User) {
            return Err(GroupNameError::Whose);
        }
        Ok(Self { parts })
    }

    /// Whether the name says whose the group is.
    #[must_use]
    pub fn has_tenant(&self) -> bool {
        self.parts.contains(&Part::Tenant)
    }

    /// Whether it is the name of people's groups, not of chats'.
    #[must_use]
    pub fn is_of_people(&self) -> bool {
        self.parts.contains(&Part::User)
    }

    /// The name for ids; `None` where Channels would not have it.
    #[must_use]
    pub fn write(&self, named: &Named<'_>) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            name.push_str(match part {
                Part::Text(text) => text,
                Part::Tenant => named.tenant?,
                Part::Chat => named.chat?,
                Part::User => named.user?,
            });
        }
        (name.len() <= NAME_MAX && name.chars().all(is_allowed)).then_some(name)
    }

    /// The ids in a name; `None` where it is another's name, or could be read in more than one way.
    #[must_use]
    pub fn read<'n>(&self, name: &'n str) -> Option<Named<'n>> {
        if name.len() > NAME_MAX || !name.chars().all(is_allowed) {
            return None;
        }
        let mut found = Vec::new();
        split(&self.parts, name, Named::default(), &mut found);
        match found.as_slice() {
            [only] => Some(*only),
            [] | [_, ..] => None,
        }
    }

    /// A pattern of Redis that fits all such names, and perhaps some others.
    #[must_use]
    pub fn pattern(&self) -> String {
        let words = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Tenant | Part::Chat | Part::User => "*",
        });
        words.collect()
    }
}

/// Every way to read a name, up to two: more make no difference.
fn split<'n>(parts: &[Part], name: &'n str, so_far: Named<'n>, found: &mut Vec<Named<'n>>) {
    let Some((part, rest)) = parts.split_first() else {
        if name.is_empty() {
            found.push(so_far);
        }
        return;
    };
    if let Part::Text(text) = part {
        if let Some(behind) = name.strip_prefix(text.as_str()) {
            split(rest, behind, so_far, found);
        }
        return;
    }
    for end in 1..=name.len() {
        let (Some(id), Some(behind)) = (name.get(..end), name.get(end..)) else {
            continue;
        };
        // Neither a tenant's id nor a chat's has a dot in it.
        if *part != Part::User && id.ends_with('.') {
            return;
        }
        let mut named = so_far;
        match part {
            Part::Tenant => named.tenant = Some(id),
            Part::Chat => named.chat = Some(id),
            Part::User => named.user = Some(id),
            Part::Text(_) => {}
        }
        split(rest, behind, named, found);
        if found.len() > 1 {
            return;
        }
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| {
            f.write_str(match part {
                Part::Text(text) => text,
                Part::Tenant => "{tenant}",
                Part::Chat => "{chat}",
                Part::User => "{user}",
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'n>(template: &str, name: &'n str) -> Option<(Option<&'n str>, Option<&'n str>)> {
        let template = GroupName::parse(template).unwrap();
        assert_eq!(GroupName::parse(&template.to_string()).unwrap(), template);
        let named = template.read(name)?;
        assert_eq!(template.write(&named).as_deref(), Some(name));
        Some((named.tenant, named.chat.or(named.user)))
    }

    #[test]
    fn ids_are_read_out_of_a_name() {
        assert_eq!(read("chat_{chat}", "chat_5"), Some((None, Some("5"))));
        assert_eq!(
            read("{tenant}.chat_{chat}", "acme.chat_5"),
            Some((Some("acme"), Some("5")))
        );
        assert_eq!(
            read("avisos_{user}", "avisos_ana.maria"),
            Some((None, Some("ana.maria")))
        );
        for (template, foreign) in [
            ("chat_{chat}", "chat_"),
            ("chat_{chat}", "room_5"),
            ("chat_{chat}", "chat_5.6"),
            ("chat_{chat}", "chat_5!6"),
            ("{tenant}.chat_{chat}", "chat_5"),
            ("{tenant}.chat_{chat}", ".chat_5"),
        ] {
            assert_eq!(read(template, foreign), None, "{template} {foreign}");
        }
    }

    #[test]
    fn what_could_be_two_is_none() {
        assert_eq!(
            read("{tenant}_chat_{chat}", "acme_chat_5"),
            Some((Some("acme"), Some("5")))
        );
        assert_eq!(read("{tenant}_chat_{chat}", "a_chat_b_chat_5"), None);
        assert_eq!(read("{tenant}_{chat}", "a_b_5"), None);
    }

    #[test]
    fn a_name_that_channels_would_refuse_is_not_written() {
        let name = GroupName::parse("avisos_{user}").unwrap();
        let of = |user| Named {
            user: Some(user),
            ..Named::default()
        };
        assert_eq!(name.write(&of("7")).as_deref(), Some("avisos_7"));
        assert_eq!(name.write(&of("ana@example.org")), None);
        assert_eq!(name.write(&of(&"x".repeat(93))), None);
        assert_eq!(name.pattern(), "avisos_*");
    }

    #[test]
    fn what_is_wrong_with_a_name_is_said() {
        for (text, error) in [
            ("", GroupNameError::Whose),
            ("soporte", GroupNameError::Whose),
            ("{tenant}", GroupNameError::Whose),
            ("{chat}.{user}", GroupNameError::Whose),
            ("chat {chat}", GroupNameError::Characters),
            ("chat_{id}", GroupNameError::Characters),
            ("chat_{chat", GroupNameError::Characters),
            ("chat_}{chat}", GroupNameError::Characters),
            ("{tenant}{chat}", GroupNameError::Ambiguous),
            ("{chat}_{chat}", GroupNameError::Ambiguous),
        ] {
            assert_eq!(GroupName::parse(text), Err(error), "{text}");
        }
    }
}
