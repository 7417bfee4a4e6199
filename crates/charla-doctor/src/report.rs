//! What a person or a program reads: one report, told in several forms.

pub mod json;
mod looked;
mod plain;
pub mod terminal;

use charla_wire::cause::Words;
use charla_wire::{Cause, Lang};

use crate::checks::Step;
use crate::evidence::Evidence;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Finding, Outcome, Verdict};

pub use looked::{Line, Mark};
pub use plain::{github, markdown, nagios};

/// Evidence and verdict, in one language, with how long it took.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was seen.
    pub evidence: Evidence,
    /// What it means.
    pub verdict: Verdict,
    /// In which language it is told.
    pub lang: Lang,
    /// How long looking took, in seconds; none for a bundle and for pasted logs.
    pub seconds: Option<f64>,
}

/// How a run ended; the exit codes of `charla doctor` and `charla explain` are these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing is wrong.
    Healthy,
    /// The cause is known.
    Cause,
    /// It works, and something will hurt.
    Warnings,
    /// It does not work, or nothing could be looked at, and no cause fits.
    Unknown,
}

impl Report {
    /// Judges.
    #[must_use]
    pub fn new(evidence: Evidence, lang: Lang, seconds: Option<f64>) -> Self {
        let verdict = crate::verdict::judge(&evidence);
        Self {
            evidence,
            verdict,
            lang,
            seconds,
        }
    }

    /// How it ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match &self.verdict {
            Verdict { cause: Some(_), .. } => Ending::Cause,
            Verdict { healthy: false, .. } => Ending::Unknown,
            verdict if verdict.warnings.is_empty() => Ending::Healthy,
            Verdict { .. } => Ending::Warnings,
        }
    }

    /// The verdict in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let lang = self.lang;
        if let Some((_, finding)) = &self.verdict.cause {
            return finding.sentence.lang(lang).to_owned();
        }
        match self.ending() {
            Ending::Healthy | Ending::Cause => both!(
                "The connection is made and stays open; nothing that was looked at is wrong.",
                "La conexión se establece y se mantiene; nada de lo que se miró está mal.",
            ),
            Ending::Warnings => both!(
                "The connection is made and stays open; what follows will hurt sooner or later.",
                "La conexión se establece y se mantiene; lo que sigue dará problemas tarde o temprano.",
            ),
            Ending::Unknown => both!(
                "What was seen fits no known cause, so none is named.",
                "Lo que se vio no encaja con ninguna causa conocida, así que no se nombra ninguna.",
            ),
        }
        .lang(lang)
        .to_owned()
    }

    /// The cheapest next measurement, where no cause is known.
    #[must_use]
    pub fn next(&self) -> Vec<String> {
        if self.ending() != Ending::Unknown {
            return Vec::new();
        }
        let mut lines: Vec<String> = self
            .evidence
            .skipped
            .iter()
            .filter_map(|skipped| skipped.try_this.clone())
            .collect();
        lines.dedup();
        lines.truncate(4);
        lines
    }

    /// What was looked at, chapter by chapter.
    #[must_use]
    pub fn chapters(&self) -> Vec<(Step, Vec<Line>)> {
        looked::chapters(self)
    }

    /// Causes that are ruled out, with what rules them out.
    pub fn ruled_out(&self) -> impl Iterator<Item = (Cause, &Text)> {
        self.verdict.judged.iter().filter_map(|row| match &row.outcome {
            Outcome::Pass(why) => Some((row.cause, why)),
            Outcome::Warn(_) | Outcome::Fail(_) | Outcome::Skip(_) | Outcome::Crashed(_) => None,
        })
    }

    /// Checks that fell over, with their words.
    pub fn crashed(&self) -> impl Iterator<Item = (Cause, &str)> {
        self.verdict.judged.iter().filter_map(|row| match &row.outcome {
            Outcome::Crashed(said) => Some((row.cause, said.as_str())),
            Outcome::Pass(_) | Outcome::Warn(_) | Outcome::Fail(_) | Outcome::Skip(_) => None,
        })
    }

    fn words(&self, cause: Cause) -> &'static Words {
        cause.words(self.lang)
    }

    /// The fix: the finding's own, else the catalogue's.
    fn fix(&self, cause: Cause, finding: &Finding) -> Vec<String> {
        if finding.fix.is_empty() {
            self.words(cause).fix.iter().map(|&fix| fix.to_owned()).collect()
        } else {
            finding.fix.clone()
        }
    }
}

impl Ending {
    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Cause => 1,
            Self::Warnings => 2,
            Self::Unknown => 3,
        }
    }
}

impl Certainty {
    /// As programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn word(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Certain, Lang::En) => "certain",
            (Self::Certain, Lang::Es) => "seguro",
            (Self::Likely, Lang::En) => "likely",
            (Self::Likely, Lang::Es) => "probable",
            (Self::Possible, Lang::En) => "possible",
            (Self::Possible, Lang::Es) => "posible",
        }
    }
}

impl Step {
    /// All chapters, in the debug guide's order.
    pub const ALL: [Self; 9] = [
        Self::Server,
        Self::Redis,
        Self::Logs,
        Self::Handshake,
        Self::Proxy,
        Self::Access,
        Self::Names,
        Self::Page,
        Self::Machine,
    ];

    /// Its heading.
    #[must_use]
    pub fn title(self, lang: Lang) -> &'static str {
        let (en, es) = match self {
            Self::Server => ("Server and listener", "Servidor y puerto"),
            Self::Redis => ("Redis and channel layer", "Redis y capa de canales"),
            Self::Logs => ("Logs", "Registros"),
            Self::Handshake => ("Handshake, hop by hop", "Handshake, salto a salto"),
            Self::Proxy => ("nginx and other proxies", "nginx y otros proxies"),
            Self::Access => ("Token, chat and database", "Token, chat y base de datos"),
            Self::Names => ("Names and certificates", "Nombres y certificados"),
            Self::Page => ("Page and browser", "Página y navegador"),
            Self::Machine => ("Machine", "Máquina"),
        };
        match lang {
            Lang::En => en,
            Lang::Es => es,
        }
    }
}
