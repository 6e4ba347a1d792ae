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

/// A share as percent, with three digits that count: `12.3%`, `0.0123%`.
pub(crate) fn percent(part: u64, all: u64) -> String {
    let share = share(part, all) * 100.0;
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
