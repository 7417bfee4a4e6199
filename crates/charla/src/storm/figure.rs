//! Numbers as people write them in their language.

use charla_wire::Lang;

/// A time in the unit that is read at a glance.
pub(super) fn span(seconds: u32) -> String {
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds / 60)
    }
}

/// Thousands apart: 1,234,567; in Spanish with a space that does not break (Ortografía de la lengua española, 2010).
pub(super) fn grouped(lang: Lang, number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let between = match lang {
        Lang::En => ',',
        Lang::Es => '\u{a0}',
    };
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(between);
        }
        text.push(digit);
    }
    text
}

/// Seconds: tenths only where they count.
pub(super) fn seconds(lang: Lang, seconds: f64) -> String {
    decimal(
        lang,
        if seconds < 9.95 {
            format!("{seconds:.1}")
        } else {
            format!("{seconds:.0}")
        },
    )
}

/// So many times: two digits that count.
pub(super) fn times(lang: Lang, times: f64) -> String {
    decimal(
        lang,
        if times < 9.95 {
            format!("{times:.1}")
        } else {
            format!("{times:.0}")
        },
    )
}

fn decimal(lang: Lang, text: String) -> String {
    match lang {
        Lang::En => text,
        Lang::Es => text.replace('.', ","),
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::Lang;

    use super::{grouped, seconds};

    #[test]
    fn numbers_are_written_as_in_their_language() {
        for (number, english, spanish) in [
            (0_u64, "0", "0"),
            (999, "999", "999"),
            (1_000, "1,000", "1\u{a0}000"),
            (12_345_678, "12,345,678", "12\u{a0}345\u{a0}678"),
        ] {
            assert_eq!(grouped(Lang::En, number), english);
            assert_eq!(grouped(Lang::Es, number), spanish);
        }
        assert_eq!(seconds(Lang::En, 1.23), "1.2");
        assert_eq!(seconds(Lang::Es, 1.23), "1,2");
        assert_eq!(seconds(Lang::Es, 131.4), "131");
    }
}
