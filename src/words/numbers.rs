//! Integers as arguments: what each is called, and its range.

use rl_core::bounds::{MAX_NUMBER, MAX_REFUSALS};

use super::error::{Error, Quoted};

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

    pub(crate) const SETTLED: Self = Self { name: "cost", min: 0, max: MAX_NUMBER };

    pub(crate) const REFUSALS: Self = Self { name: "refusals", min: 1, max: MAX_REFUSALS };

    pub(crate) const TOP: Self = Self { name: "COUNT", min: 0, max: MAX_NUMBER };

    pub(super) fn lease_limit(max: u64) -> Self {
        Self { max, ..Self::LIMIT }
    }

    pub(super) fn log_limit(max: u64) -> Self {
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
pub(super) fn leading_digits(word: &[u8]) -> Option<(u64, &[u8])> {
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
}
