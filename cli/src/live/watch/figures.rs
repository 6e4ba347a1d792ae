//! How figures are shown.

use super::view::Rates;
use crate::live::counters::Decisions;
use crate::replay::show;

/// A rate: with a decimal where it is low.
pub(super) fn rate(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { show::number(rounded(rate)) }
}

/// Both rates, and the share that is denied.
pub(super) fn rates(rates: Rates) -> String {
    let all = rates.allowed + rates.denied;
    let share = if all > 0.0 { 100.0 * rates.denied / all } else { 0.0 };
    format!("{} allowed/s, {} denied/s ({share:.1}%)", rate(rates.allowed), rate(rates.denied))
}

/// Both counts.
pub(super) fn counts(calls: Decisions) -> String {
    format!("{} allowed, {} denied", show::number(calls.allowed), show::number(calls.denied))
}

/// By how much a count has grown; nothing where it has not.
pub(super) fn change(change: Option<u64>) -> String {
    match change {
        None | Some(0) => String::new(),
        Some(change) => format!("+{}", show::number(change)),
    }
}

/// Bytes in the unit that fits: `1.5 MB`.
#[expect(clippy::cast_precision_loss)]
pub(super) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size < 1024.0 {
            return if unit == "bytes" {
                format!("{size} {unit}")
            } else {
                format!("{size:.1} {unit}")
            };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TB")
}

/// A rate as a whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(rate(0.0), "0.0");
        assert_eq!(rate(99.94), "99.9");
        assert_eq!(rate(1234.5), "1,235");
        assert_eq!(bytes(100), "100 bytes");
        assert_eq!(bytes(1_572_864), "1.5 MB");
        assert_eq!(bytes(1 << 45), "32.0 TB");
        let told = rates(Rates { allowed: 3.0, denied: 1.0 });
        assert_eq!(told, "3.0 allowed/s, 1.0 denied/s (25.0%)");
    }
}
