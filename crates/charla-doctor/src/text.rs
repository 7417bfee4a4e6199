//! A sentence in both languages, made where it is said, so that none is ever missing one.

use charla_wire::Lang;
use serde::{Deserialize, Serialize};

/// What a person reads, in English and Spanish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Spanish, with tú.
    pub es: String,
}

impl Text {
    /// The same in both: a quote, a number, a name.
    pub fn same(text: impl Into<String>) -> Self {
        let en = text.into();
        Self { es: en.clone(), en }
    }

    /// In one language.
    #[must_use]
    pub fn lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Es => &self.es,
        }
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.en.is_empty()
    }
}

/// Both languages of one sentence, side by side: `both!("pid {pid} listens", "escucha el pid {pid}")`. Names after them are
/// texts themselves, each put in in its language: `both!("{ago} ago", "hace {ago}", ago)`.
macro_rules! both {
    ($en:literal, $es:literal, $($text:ident),+ $(,)?) => {
        $crate::text::Text {
            en: {
                $(let $text = &$text.en;)+
                format!($en)
            },
            es: {
                $(let $text = &$text.es;)+
                format!($es)
            },
        }
    };
    ($en:literal, $es:literal $(,)?) => {
        $crate::text::Text {
            en: format!($en),
            es: format!($es),
        }
    };
}
pub(crate) use both;
