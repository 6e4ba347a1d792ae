//! A clause as RL.POLICY GET spells it.

use rl_core::Algorithm;

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Suffixes of periods, the largest first.
const UNITS_MS: [(&str, u64); 6] = [
    ("w", 7 * DAY_MS),
    ("d", DAY_MS),
    ("h", HOUR_MS),
    ("m", MINUTE_MS),
    ("s", SECOND_MS),
    ("ms", 1),
];

/// What a word of a clause is, behind the one that it begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Number,
    Period,
    /// A period that may be left out, and is where it is the same as the one before.
    Longer,
}

/// `clause` with its words and periods in the one spelling that the server shows.
///
/// A clause that this version does not know stays as it is: the server judges it.
pub(crate) fn canonical(clause: &str) -> Result<String, String> {
    let words: Vec<&str> = clause.split_ascii_whitespace().collect();
    let (first, rest) = words.split_first().ok_or("a clause must not be empty")?;
    let first = first.to_ascii_uppercase();
    if first == "SHADOW" {
        return Ok(format!("SHADOW {}", canonical(&rest.join(" "))?));
    }
    let Some(signature) = signature(&first) else {
        return Ok([vec![first.as_str()], rest.to_vec()].concat().join(" "));
    };
    let needed = signature.iter().filter(|word| **word != Word::Longer).count();
    if !(needed..=signature.len()).contains(&rest.len()) {
        return Err(format!("{first} must be followed by {needed} words, not by {}", rest.len()));
    }
    let mut spelled = vec![first];
    for (what, word) in signature.iter().zip(rest) {
        let word = match what {
            Word::Number => number(word)?,
            Word::Period | Word::Longer => period(word)?,
        };
        if *what != Word::Longer || spelled.last() != Some(&word) {
            spelled.push(word);
        }
    }
    Ok(spelled.join(" "))
}

/// The words that follow `first`, if it is known what clause it begins.
fn signature(first: &str) -> Option<&'static [Word]> {
    use Word::{Longer, Number, Period};
    Some(match Algorithm::from_word(first.as_bytes()) {
        Some(algorithm) if algorithm.has_refill() => &[Number, Number, Period],
        Some(_) => &[Number, Period],
        None if first == "LEASE" => &[Number, Period],
        None if first == "BAN" => &[Number, Period, Period, Longer],
        None => return None,
    })
}

fn number(word: &str) -> Result<String, String> {
    match digits(word) {
        Some((_, "")) => Ok(word.into()),
        _ => Err(format!("'{word}' must be an integer without sign or leading zero")),
    }
}

fn period(word: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "period must be an integer of seconds, or one with a suffix of ms, s, m, h, d or w, not '{word}'"
        )
    };
    let (count, suffix) = digits(word).ok_or_else(wrong)?;
    let suffix = if suffix.is_empty() { "s" } else { suffix };
    let unit = UNITS_MS.iter().find(|(name, _)| *name == suffix).ok_or_else(wrong)?;
    let ms = count.checked_mul(unit.1).filter(|ms| *ms > 0).ok_or_else(wrong)?;
    let fits = |(_, unit_ms): &&(&str, u64)| ms.checked_rem(*unit_ms) == Some(0);
    let (suffix, unit_ms) = UNITS_MS.iter().find(fits).unwrap_or(&("ms", 1));
    Ok(format!("{}{suffix}", ms.checked_div(*unit_ms).unwrap_or(ms)))
}

/// The integer that `word` begins with, without a leading zero, and what follows it.
fn digits(word: &str) -> Option<(u64, &str)> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, rest) = word.split_at_checked(end)?;
    let has_leading_zero = number.len() > 1 && number.starts_with('0');
    if has_leading_zero { None } else { Some((number.parse().ok()?, rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_spelled_in_one_way() {
        for (written, spelled) in [
            ("fixed 5 60", "FIXED 5 1m"),
            (" Token  20 10\t1000ms ", "TOKEN 20 10 1s"),
            ("LEAKY 5 1 1500ms", "LEAKY 5 1 1500ms"),
            ("SLIDING 0 14d", "SLIDING 0 2w"),
            ("LOG 3 90s", "LOG 3 90s"),
            ("shadow fixed 5 3600", "SHADOW FIXED 5 1h"),
            ("lease 5 120", "LEASE 5 2m"),
            ("BAN 3 60 5m 300", "BAN 3 1m 5m"),
            ("ban 3 1m 5m 24h", "BAN 3 1m 5m 1d"),
            ("quota 5 60", "QUOTA 5 60"),
        ] {
            assert_eq!(canonical(written).unwrap(), spelled, "{written}");
            assert_eq!(canonical(spelled).unwrap(), spelled);
        }
    }

    #[test]
    fn what_no_server_would_take_is_an_error() {
        for clause in [
            "",
            "FIXED",
            "FIXED 5",
            "FIXED 5 1m 3",
            "FIXED five 1m",
            "FIXED 05 1m",
            "FIXED 5 1y",
            "FIXED 5 0",
            "TOKEN 5 1m",
            "BAN 3 1m",
            "SHADOW",
            "FIXED -5 1m",
            "FIXED 5 99999999999999999999w",
        ] {
            assert!(canonical(clause).is_err(), "{clause}");
        }
    }
}
