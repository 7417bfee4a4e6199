//! What a person sees: answers on standard output, trouble on standard error, colours only on a terminal.

use std::io::{self, Write as _};

use charla_wire::Lang;
use owo_colors::OwoColorize as _;

use crate::words;

/// Both outputs and the language.
#[derive(Debug)]
pub(crate) struct Screen {
    /// What people read.
    pub(crate) lang: Lang,
}

impl Screen {
    pub(crate) fn new(lang: Lang) -> Self {
        Self { lang }
    }

    /// One line of the answer. It may carry colours: they are taken out where nobody sees them.
    pub(crate) fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        writeln!(anstream::stdout(), "{text}")
    }

    /// Part of an answer, as it is.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// A heading.
    pub(crate) fn heading(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        self.line(text.bold())
    }

    /// Rows in columns; the first row is the heading.
    pub(crate) fn table(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            let line = cells.join("  ");
            if index == 0 {
                self.line(line.trim_end().dimmed())?;
            } else {
                self.line(line.trim_end())?;
            }
        }
        Ok(())
    }

    /// A note beside the answer.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        // Nobody is left to be told when standard error is gone.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// What went wrong.
    pub(crate) fn error(&self, text: &str) {
        self.note(format_args!(
            "{} {text}",
            words::error_mark(self.lang).red().bold()
        ));
    }
}

/// Text from elsewhere, made safe for a terminal: control characters are shown, not obeyed.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let obeyed = c.is_control() && c != '\t';
            let shown: Vec<char> = if obeyed {
                c.escape_default().collect()
            } else {
                vec![c]
            };
            shown
        })
        .collect()
}
