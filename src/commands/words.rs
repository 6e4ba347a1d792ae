//! Reading arguments.

use rl_core::bounds::{MAX_NUMBER, MAX_PERIOD_MS, is_period};
use rl_core::{Algorithm, Clause};

use super::error::{Error, Quoted};
use crate::server::Words;

/// A number that an argument names, and its range.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    name: &'static str,
    min: u64,
    max: u64,
}

impl Number {
    pub(crate) const LIMIT: Self = Self { name: "limit", min: 0, max: MAX_NUMBER };
    pub(crate) const CAPACITY: Self = Self { name: "capacity", min: 0, max: MAX_NUMBER };
    pub(crate) const REFILL: Self = Self { name: "refill", min: 1, max: MAX_NUMBER };
    pub(crate) const LEAK: Self = Self { name: "leak", min: 1, max: MAX_NUMBER };
    pub(crate) const COST: Self = Self { name: "COST", min: 0, max: MAX_NUMBER };
    pub(crate) const MAX_BURST: Self = Self { name: "max_burst", min: 0, max: MAX_NUMBER - 1 };
    pub(crate) const COUNT: Self = Self { name: "count", min: 1, max: MAX_NUMBER };
    pub(crate) const QUANTITY: Self = Self { name: "quantity", min: 0, max: MAX_NUMBER };

    pub(crate) const TOP: Self = Self { name: "COUNT", min: 0, max: MAX_NUMBER };

    fn log_limit(max: u64) -> Self {
        Self { max, ..Self::LIMIT }
    }

    /// The number that `word` is.
    #[inline(always)]
    pub(crate) fn read(self, word: &[u8]) -> Result<u64, Error> {
        match digits(word) {
            Some(value) if (self.min..=self.max).contains(&value) => Ok(value),
            _ => Err(self.refuse(word)),
        }
    }

    #[cold]
    fn refuse(self, word: &[u8]) -> Error {
        let Self { name, min, max } = self;
        Error::Number { name, was: Quoted::new(word), min, max }
    }
}

/// An integer as Redis writes it: digits, no sign, no leading zero.
#[inline(always)]
fn digits(word: &[u8]) -> Option<u64> {
    leading_digits(word).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The longest word that is read: so many digits fit in 64 bits, and nothing larger is in range.
const LONGEST_WORD: usize = 19;

/// The integer that `word` begins with, and what follows it. A leading zero stands for itself, so
/// that digits may follow it.
#[inline(always)]
fn leading_digits(word: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut rest) = match word {
        [digit @ b'0'..=b'9', rest @ ..] if word.len() <= LONGEST_WORD => (value_of(*digit), rest),
        _ => return None,
    };
    if value > 0 {
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            value = value.wrapping_mul(10).wrapping_add(value_of(*digit));
            rest = after;
        }
    }
    Some((value, rest))
}

#[inline(always)]
fn value_of(digit: u8) -> u64 {
    u64::from(digit.wrapping_sub(b'0'))
}

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
    Error::Period { was: Quoted::new(word) }
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

/// A period in its largest unit.
pub(crate) fn period_text(period_ms: u64) -> String {
    let fits = |(_, unit_ms): &&(&str, u64)| period_ms.checked_rem(*unit_ms) == Some(0);
    let (suffix, unit_ms) = UNITS_MS.iter().find(fits).unwrap_or(&("ms", 1));
    format!("{}{suffix}", period_ms.checked_div(*unit_ms).unwrap_or(0))
}

/// Suffixes of periods, the largest first.
const UNITS_MS: [(&str, u64); 6] =
    [("w", WEEK_MS), ("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];

/// The clause of `algorithm` whose numbers are next in `words`; nothing if they end early.
/// A log may have a limit of up to `log_max`.
#[inline(always)]
pub(crate) fn numbers<'a>(
    algorithm: Algorithm,
    words: &mut impl Iterator<Item = &'a [u8]>,
    log_max: u64,
) -> Option<Result<Clause, Error>> {
    let (limit, refill) = match algorithm {
        Algorithm::Fixed | Algorithm::Sliding => (Number::LIMIT, None),
        Algorithm::Log => (Number::log_limit(log_max), None),
        Algorithm::Token => (Number::CAPACITY, Some(Number::REFILL)),
        Algorithm::Leaky => (Number::CAPACITY, Some(Number::LEAK)),
    };
    let limit = (limit, words.next()?);
    let refill = match refill {
        Some(number) => Some((number, words.next()?)),
        None => None,
    };
    let read = read_numbers(limit, refill, words.next()?);
    Some(read.map(|(limit, refill, period_ms)| Clause { algorithm, limit, refill, period_ms }))
}

#[inline(always)]
fn read_numbers(
    limit: (Number, &[u8]),
    refill: Option<(Number, &[u8])>,
    period: &[u8],
) -> Result<(u64, u64, u64), Error> {
    let limit = limit.0.read(limit.1)?;
    let refill = match refill {
        Some((number, word)) => number.read(word)?,
        None => limit,
    };
    Ok((limit, refill, period_ms(period)?))
}

/// The cost that `COST n` at the end of `words` says, or 1 if nothing is there.
#[inline(always)]
pub(crate) fn cost(words: &mut Words<'_>) -> Result<u64, Error> {
    match words.next() {
        None => Ok(1),
        Some(word) if is_cost(word) => cost_after_word(words),
        Some(word) => Err(Error::Unexpected {
            was: Quoted::new(word),
            expected: "only COST n may follow the period",
        }),
    }
}

/// The number that follows the word COST, at the end of `words`.
#[inline]
pub(crate) fn cost_after_word(words: &mut Words<'_>) -> Result<u64, Error> {
    let cost = Number::COST.read(words.next().ok_or(Error::CostWithoutNumber)?)?;
    end(words, "nothing may follow COST n")?;
    Ok(cost)
}

/// Whether the word begins `COST n`.
#[inline]
pub(crate) fn is_cost(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"COST")
}

/// An error if there are more words.
#[inline]
pub(crate) fn end(words: &mut Words<'_>, expected: &'static str) -> Result<(), Error> {
    match words.next() {
        None => Ok(()),
        Some(word) => Err(Error::Unexpected { was: Quoted::new(word), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_redis_writes_them() {
        for (word, value) in [("0", 0), ("7", 7), ("1000000000000", MAX_NUMBER)] {
            assert_eq!(Number::LIMIT.read(word.as_bytes()).unwrap(), value);
        }
        for word in [
            "",
            "-1",
            "+1",
            "01",
            "00",
            "1.0",
            "1e3",
            " 1",
            "1 ",
            "0x1",
            "1000000000001",
            "9223372036854775808",
            "18446744073709551616",
            "9999999999999999999",
            "99999999999999999999",
            "00000000000000000001",
            "a",
            "\u{663}",
        ] {
            assert!(Number::LIMIT.read(word.as_bytes()).is_err(), "{word:?}");
        }
        assert!(Number::REFILL.read(b"0").is_err());
    }

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
