//! What a typed line asks for.

use charla_wire::ChatId;

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Blank.
    Nothing,
    /// Words to say.
    Say(String),
    /// `/quit`, or the end of the input.
    Quit,
    /// `/help`
    Help,
    /// `/history [N]`
    History(Option<usize>),
    /// `/join CHAT`
    Join(ChatId),
    /// `/who`
    Who,
    /// `/typing`
    Typing,
    /// `/read`
    Read,
    /// `/edit SEQ TEXT`
    Edit(u64, String),
    /// `/delete SEQ`
    Delete(u64),
    /// A command with the wrong words after it; how it is used.
    Wants(&'static str),
    /// A command that there is not.
    Unknown(String),
}

impl Line {
    /// Reads a line. `//` at the beginning stands for one `/` to say.
    pub(super) fn parse(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Nothing;
        }
        if let Some(said) = line.strip_prefix("//") {
            return Self::Say(format!("/{said}"));
        }
        if !line.starts_with('/') {
            return Self::Say(line.to_owned());
        }
        let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match command {
            "/quit" | "/q" | "/exit" => Self::Quit,
            "/help" | "/?" => Self::Help,
            "/who" => Self::Who,
            "/typing" => Self::Typing,
            "/read" => Self::Read,
            "/history" if rest.is_empty() => Self::History(None),
            "/history" => rest
                .parse()
                .map_or(Self::Wants("/history [N]"), |limit| Self::History(Some(limit))),
            "/join" => ChatId::parse(rest).map_or(Self::Wants("/join CHAT"), Self::Join),
            "/delete" => rest.parse().map_or(Self::Wants("/delete SEQ"), Self::Delete),
            "/edit" => match rest.split_once(char::is_whitespace) {
                Some((seq, text)) => seq.parse().map_or(Self::Wants("/edit SEQ TEXT"), |seq| {
                    Self::Edit(seq, text.trim().to_owned())
                }),
                None => Self::Wants("/edit SEQ TEXT"),
            },
            unknown => Self::Unknown(unknown.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let rows = [
            ("", Line::Nothing),
            ("  hola  ", Line::Say("hola".into())),
            ("//shrug", Line::Say("/shrug".into())),
            ("/quit", Line::Quit),
            ("/history", Line::History(None)),
            ("/history 5", Line::History(Some(5))),
            ("/history x", Line::Wants("/history [N]")),
            ("/join 5", Line::Join(ChatId::parse("5").unwrap())),
            ("/join a b", Line::Wants("/join CHAT")),
            ("/edit 3 new words", Line::Edit(3, "new words".into())),
            ("/edit 3", Line::Wants("/edit SEQ TEXT")),
            ("/delete 3", Line::Delete(3)),
            ("/dance now", Line::Unknown("/dance".into())),
        ];
        for (line, meant) in rows {
            assert_eq!(Line::parse(line), meant, "{line:?}");
        }
    }
}
