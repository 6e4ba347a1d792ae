//! How values are shown to people.

/// Text from a log as a terminal may have it: without control characters, and at most so many
/// characters long.
pub(crate) fn plain(text: &str, longest: usize) -> String {
    let is_safe = |c: &char| !c.is_control() && !is_format(*c);
    let mut letters = text.chars().filter(is_safe);
    let mut shown: String = letters.by_ref().take(longest).collect();
    if letters.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Characters that turn the direction of text around, or cannot be seen.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A number with commas: `1,234,567`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 client`, `1,234 clients`.
pub(crate) fn count(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A share as percent, with three digits that count: `12.3%`, `0.0123%`.
pub(crate) fn percent(part: u64, all: u64) -> String {
    let share = share(part, all) * 100.0;
    if part < all && share > 99.9 {
        return ">99.9%".to_owned();
    }
    let text = match share {
        0.0 => return "0%".to_owned(),
        s if s >= 10.0 => format!("{s:.1}"),
        s if s >= 0.1 => format!("{s:.2}"),
        s if s >= 0.001 => format!("{s:.4}"),
        s => format!("{s:.6}"),
    };
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A share, 0 of nothing.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// A number on an axis: `500`, `2k`, `1.5M`.
pub(crate) fn short(number: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (unit, letter) = units.into_iter().find(|(unit, _)| number >= *unit).unwrap_or((1.0, ""));
    let text = format!("{:.1}", number / unit);
    format!("{}{letter}", text.strip_suffix(".0").unwrap_or(&text))
}

/// A time in UTC, by RFC 3339.
pub(crate) fn time(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// A period: `1m`, `36h`, `1500ms`.
pub(crate) fn period(ms: u64) -> String {
    let units =
        [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    for (unit, letter) in units {
        if ms >= unit && ms.is_multiple_of(unit) {
            return format!("{}{letter}", ms.div_euclid(unit));
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod tests {
    use super::{count, number, percent, period, plain, short};

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 1_000].map(|n| count(n, "client")), ["1 client", "1,000 clients"]);
        assert_eq!([1.0, 950.0, 1_500.0, 2e6].map(short), ["1", "950", "1.5k", "2M"]);
        let periods = [1_500, 60_000, 90_000, 604_800_000].map(period);
        assert_eq!(periods, ["1500ms", "1m", "90s", "1w"]);
    }

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        let shares = [(0, 9), (1, 3), (1, 1_000), (1, 10_000_000), (9_999, 10_000), (3, 3), (0, 0)];
        assert_eq!(
            shares.map(|(part, all)| percent(part, all)),
            ["0%", "33.3%", "0.1%", "0.00001%", ">99.9%", "100%", "0%"]
        );
    }

    #[test]
    fn text_of_a_log_cannot_steer_a_terminal() {
        assert_eq!(plain("a\u{1b}[31m\u{202e}b\u{9b}c\n", 20), "a[31mbc");
        assert_eq!(plain("abcdef", 4), "abc…");
        assert_eq!(plain("abcd", 4), "abcd");
    }
}
