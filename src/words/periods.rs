//! Periods: a number of seconds, or one with a suffix.

use rl_core::bounds::{MAX_KEEP_MS, MAX_PERIOD_MS, is_period};

use super::error::{Error, Quoted};
use super::numbers::leading_digits;

/// A period, in ms.
#[inline(always)]
pub(crate) fn period_ms(word: &[u8]) -> Result<u64, Error> {
    match read_period(word) {
        Some(ms) if is_period(ms) => Ok(ms),
        _ => Err(refuse_period(word)),
    }
}

#[cold]
fn refuse_period(word: &[u8]) -> Error {
    refuse("period", word)
}

fn refuse(name: &'static str, word: &[u8]) -> Error {
    Error::Period { name, longest: "366d", was: Quoted::new(word) }
}

/// A period that is called otherwise, in ms.
pub(crate) fn named_period_ms(name: &'static str, word: &[u8]) -> Result<u64, Error> {
    read_period(word).filter(|ms| is_period(*ms)).ok_or_else(|| refuse(name, word))
}

/// How long a charge is to be known by its id, in ms.
pub(crate) fn keep_ms(word: &[u8]) -> Result<u64, Error> {
    match read_period(word) {
        Some(ms) if (1..=MAX_KEEP_MS).contains(&ms) => Ok(ms),
        _ => Err(Error::Period { name: "KEEP", longest: "1d", was: Quoted::new(word) }),
    }
}

#[inline(always)]
fn read_period(word: &[u8]) -> Option<u64> {
    let (count, suffix) = leading_digits(word)?;
    let unit_ms = match suffix {
        b"ms" => 1,
        b"" | b"s" => SECOND_MS,
        b"m" => MINUTE_MS,
        b"h" => HOUR_MS,
        b"d" => DAY_MS,
        b"w" => WEEK_MS,
        _ => return None,
    };
    count.checked_mul(unit_ms)
}

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const WEEK_MS: u64 = 7 * DAY_MS;

const _: () = assert!(MAX_PERIOD_MS == 366 * DAY_MS, "the error line says 366d");
const _: () = assert!(MAX_KEEP_MS == DAY_MS, "the error line says 1d");

/// A period in its largest unit.
pub(crate) fn period_text(period_ms: u64) -> String {
    let fits = |(_, unit_ms): &&(&str, u64)| period_ms.checked_rem(*unit_ms) == Some(0);
    let (suffix, unit_ms) = UNITS_MS.iter().find(fits).unwrap_or(&("ms", 1));
    format!("{}{suffix}", period_ms.checked_div(*unit_ms).unwrap_or(0))
}

/// Suffixes of periods, the largest first.
const UNITS_MS: [(&str, u64); 6] =
    [("w", WEEK_MS), ("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_seconds_or_have_a_suffix() {
        for (word, ms) in [
            ("1", 1_000),
            ("60", 60_000),
            ("1ms", 1),
            ("500ms", 500),
            ("10s", 10_000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("366d", MAX_PERIOD_MS),
            ("31622400", MAX_PERIOD_MS),
            ("31622400000ms", MAX_PERIOD_MS),
        ] {
            assert_eq!(period_ms(word.as_bytes()).unwrap(), ms, "{word}");
        }
        for word in [
            "",
            "0",
            "0ms",
            "00s",
            "01s",
            "-1",
            "1S",
            "1M",
            "1MS",
            "1y",
            "ms",
            "1m1s",
            "1.5s",
            "1 s",
            "367d",
            "53w",
            "31622401",
            "31622400001ms",
            "9223372036854775807w",
            "1mss",
        ] {
            assert!(period_ms(word.as_bytes()).is_err(), "{word:?}");
        }
    }
}
