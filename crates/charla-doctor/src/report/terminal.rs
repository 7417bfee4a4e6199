//! The report for whoever is on call: the verdict on top, then everything that was looked at.
//!
//! It carries colours as escape sequences; whoever prints it takes them out where nobody sees them.

use std::fmt::{self, Write as _};

use charla_wire::cause::Group;
use charla_wire::{Cause, Lang};
use owo_colors::OwoColorize as _;

use super::{Ending, Mark, Report};
use crate::verdict::{Certainty, Fact, Finding};

/// How much is told, and with which characters.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The verdict and its fix only.
    pub short: bool,
    /// Every check with its reason too.
    pub verbose: bool,
    /// Nothing but ASCII.
    pub ascii: bool,
    /// Columns of the terminal: lists are broken there.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            short: false,
            verbose: false,
            ascii: false,
            width: 100,
        }
    }
}

/// The report as text.
#[must_use]
pub fn terminal(report: &Report, style: Style) -> String {
    let mut page = Page {
        report,
        style,
        out: String::new(),
    };
    // Writing to a string cannot fail.
    let _ = page.write();
    if style.ascii {
        page.out.chars().map(to_ascii).collect()
    } else {
        page.out
    }
}

/// Spanish letters without their marks; what has no likeness is a question mark.
fn to_ascii(c: char) -> char {
    match c {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        'Á' => 'A',
        'É' => 'E',
        'Í' => 'I',
        'Ó' => 'O',
        'Ú' => 'U',
        'Ñ' => 'N',
        '×' => 'x',
        '–' | '—' | '·' => '-',
        '“' | '”' => '"',
        '¿' | '¡' => ' ',
        '…' => '.',
        _ if c.is_ascii() => c,
        _ => '?',
    }
}

/// Whether a cause can be why nobody gets in: answers to single requests and limits of a running chat are told with `--verbose`.
fn is_of_interest(cause: Cause) -> bool {
    match cause.group() {
        Group::Lifecycle | Group::Request | Group::Limit | Group::Rest => false,
        Group::Token
        | Group::Permission
        | Group::Lookup
        | Group::Redis
        | Group::ChannelLayer
        | Group::Server
        | Group::Path
        | Group::Tls
        | Group::Page
        | Group::Client => true,
    }
}

struct Page<'a> {
    report: &'a Report,
    style: Style,
    out: String,
}

impl Page<'_> {
    fn word(&self, en: &'static str, es: &'static str) -> &'static str {
        match self.report.lang {
            Lang::En => en,
            Lang::Es => es,
        }
    }

    fn write(&mut self) -> fmt::Result {
        self.verdict()?;
        if self.style.short {
            return Ok(());
        }
        self.others()?;
        self.looked()?;
        self.ruled_out()?;
        self.found()
    }

    fn mark(&self, mark: Mark) -> String {
        match (mark, self.style.ascii) {
            (Mark::Good, false) => "✓".green().to_string(),
            (Mark::Good, true) => "+".green().to_string(),
            (Mark::Warning, _) => "!".yellow().bold().to_string(),
            (Mark::Fault, false) => "✗".red().bold().to_string(),
            (Mark::Fault, true) => "x".red().bold().to_string(),
            (Mark::Skipped, false) => "–".dimmed().to_string(),
            (Mark::Skipped, true) => "-".dimmed().to_string(),
        }
    }

    fn verdict(&mut self) -> fmt::Result {
        let report = self.report;
        let sentence = report.sentence();
        let Some((cause, finding)) = &report.verdict.cause else {
            let mark = match report.ending() {
                Ending::Healthy => Mark::Good,
                Ending::Warnings => Mark::Warning,
                Ending::Cause | Ending::Unknown => Mark::Fault,
            };
            let mark = self.mark(mark);
            writeln!(self.out, "{mark} {}", sentence.bold())?;
            return self.next();
        };
        let mark = self.mark(Mark::Fault);
        let certainty = finding.certainty.word(report.lang);
        let certainty = match finding.certainty {
            Certainty::Certain => certainty.red().bold().to_string(),
            Certainty::Likely => certainty.yellow().bold().to_string(),
            Certainty::Possible => certainty.bold().to_string(),
        };
        writeln!(
            self.out,
            "{mark} {}  {}  [{certainty}]",
            cause.id().bold(),
            report.words(*cause).title.bold()
        )?;
        writeln!(self.out, "  {sentence}")?;
        self.finding(*cause, finding, "  ")
    }

    /// What a verdict stands on, the fix and its check.
    fn finding(&mut self, cause: Cause, finding: &Finding, indent: &str) -> fmt::Result {
        let report = self.report;
        writeln!(self.out, "\n{indent}{}", self.word("Evidence", "Pruebas").bold())?;
        for fact in &finding.facts {
            self.fact(fact, indent)?;
        }
        writeln!(self.out, "\n{indent}{}", self.word("Fix", "Arreglo").bold())?;
        for fix in report.fix(cause, finding) {
            for line in fix.lines() {
                writeln!(self.out, "{indent}  {}", line.cyan())?;
            }
        }
        let check = report.words(cause).check;
        if !check.is_empty() {
            writeln!(
                self.out,
                "\n{indent}{}\n{indent}  {check}",
                self.word("Check", "Comprobación").bold()
            )?;
        }
        Ok(())
    }

    fn fact(&mut self, fact: &Fact, indent: &str) -> fmt::Result {
        let what = fact.what.lang(self.report.lang);
        let at = fact.at.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
        writeln!(self.out, "{indent}  {what}{}", at.dimmed())?;
        if let Some(quote) = &fact.quote {
            writeln!(self.out, "{indent}    {}", quote.italic())?;
        }
        Ok(())
    }

    fn next(&mut self) -> fmt::Result {
        let next = self.report.next();
        if next.is_empty() {
            return Ok(());
        }
        writeln!(
            self.out,
            "\n  {}",
            self.word("Next, the cheapest first", "Lo siguiente, lo más barato primero")
                .bold()
        )?;
        for line in next {
            writeln!(self.out, "    {}", line.cyan())?;
        }
        Ok(())
    }

    fn others(&mut self) -> fmt::Result {
        let report = self.report;
        let lang = report.lang;
        if !report.verdict.also.is_empty() {
            writeln!(
                self.out,
                "\n{}",
                self.word("It could also be", "También podría ser").bold()
            )?;
        }
        for (cause, finding) in &report.verdict.also {
            let certainty = finding.certainty.word(lang);
            writeln!(
                self.out,
                "  {}  [{certainty}]  {}",
                cause.id().bold(),
                finding.sentence.lang(lang)
            )?;
            for fact in &finding.facts {
                self.fact(fact, "  ")?;
            }
        }
        if !report.verdict.warnings.is_empty() {
            writeln!(self.out, "\n{}", self.word("Will hurt", "Dará problemas").bold())?;
        }
        for (cause, finding) in &report.verdict.warnings {
            let mark = self.mark(Mark::Warning);
            writeln!(
                self.out,
                "  {mark} {}  {}",
                cause.id().bold(),
                finding.sentence.lang(lang)
            )?;
            for fact in &finding.facts {
                self.fact(fact, "  ")?;
            }
            for line in report.fix(*cause, finding).iter().flat_map(|fix| fix.lines()) {
                writeln!(self.out, "      {}", line.cyan())?;
            }
        }
        Ok(())
    }

    fn looked(&mut self) -> fmt::Result {
        let report = self.report;
        let lang = report.lang;
        writeln!(self.out, "\n{}", self.word("Looked at", "Lo que se miró").bold())?;
        for (step, lines) in report.chapters() {
            writeln!(self.out, "  {}", step.title(lang).underline())?;
            for line in lines {
                let mark = self.mark(line.mark);
                writeln!(self.out, "    {mark} {}", line.text)?;
            }
        }
        if !report.evidence.skipped.is_empty() {
            writeln!(
                self.out,
                "  {}",
                self.word("Not looked at", "Lo que no se miró").underline()
            )?;
        }
        for skipped in &report.evidence.skipped {
            let mark = self.mark(Mark::Skipped);
            writeln!(
                self.out,
                "    {mark} {}: {}",
                skipped.what.lang(lang),
                skipped.why.lang(lang)
            )?;
            if let Some(line) = &skipped.try_this {
                writeln!(self.out, "        {}", line.cyan())?;
            }
        }
        Ok(())
    }

    fn ruled_out(&mut self) -> fmt::Result {
        let report = self.report;
        let mut ruled_out = report.ruled_out().peekable();
        if ruled_out.peek().is_none() {
            return Ok(());
        }
        writeln!(
            self.out,
            "\n{}",
            self.word("Not the cause", "No es la causa").bold()
        )?;
        if self.style.verbose {
            for (cause, why) in ruled_out {
                writeln!(self.out, "  {}: {}", cause.id(), why.lang(report.lang))?;
            }
            return Ok(());
        }
        let mut column = 0;
        for (cause, _) in ruled_out.filter(|(cause, _)| is_of_interest(*cause)) {
            let id = cause.id();
            if column > 0 && column + id.len() + 2 > self.style.width {
                column = 0;
            }
            let separator = match (column, self.out.ends_with('\n')) {
                (0, true) => "  ",
                (0, false) => ",\n  ",
                _ => ", ",
            };
            write!(self.out, "{separator}{id}")?;
            column += id.len() + 2;
        }
        writeln!(self.out)
    }

    fn found(&mut self) -> fmt::Result {
        let report = self.report;
        let lang = report.lang;
        if !report.evidence.found.is_empty() {
            writeln!(
                self.out,
                "\n{}",
                self.word("Found by itself", "Encontrado sin que lo dijeras")
                    .bold()
            )?;
        }
        for found in &report.evidence.found {
            writeln!(
                self.out,
                "  {}  {}",
                found.what.lang(lang),
                found.from.lang(lang).dimmed()
            )?;
        }
        if let Some(seconds) = report.seconds {
            let took = match lang {
                Lang::En => format!("Took {seconds:.1} s. Nothing was changed."),
                Lang::Es => format!("Tardó {seconds:.1} s. No se cambió nada."),
            };
            writeln!(self.out, "\n{}", took.dimmed())?;
        }
        Ok(())
    }
}
