//! The grammar of limit strings.

use std::str::FromStr;

use super::ban::Ban;
use super::clause::Clause;
use super::limit::{Algorithm, Limit};
use super::period::{Period, Unit};
use super::policy::Policy;
use crate::config_error::ConfigError;

const GRAMMAR: &str = "[fixed|sliding|log|token|leaky] n (/|per) [k] unit [burst b], or policy NAME, \
     or shadow and such a limit, or ban TIME after n (/|per) [k] unit [up to TIME], several joined by ';', \
     such as '5/minute', 'token 10/second burst 20' or '100/minute; ban 15m after 20/minute up to 1d'";

/// Read a list of limits and policies.
pub(crate) fn clauses(text: &str) -> Result<Vec<Clause>, ConfigError> {
    text.split([';', ',', '|']).map(clause).collect()
}

/// Read one limit.
fn limit(text: &str) -> Result<Limit, ConfigError> {
    read(text).map_err(|what| wrong(text, &what))
}

impl FromStr for Limit {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        limit(text)
    }
}

impl FromStr for Period {
    type Err = ConfigError;

    /// A time as bans and leases have it: `30s`, `15 minutes`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut parts = Parts { rest: text };
        let time = parts.time("it").and_then(|time| match parts.next() {
            None => Ok(time),
            Some(surplus) => {
                Err(format!("a time must end after its unit, not go on with '{surplus}'"))
            }
        });
        time.map_err(|what| {
            ConfigError::new(format!("{what}, in '{text}'; a time is k unit, such as '30s'"))
        })
    }
}

fn clause(text: &str) -> Result<Clause, ConfigError> {
    let (word, rest) = first_word(text);
    let read = match word.to_ascii_lowercase().as_str() {
        "policy" if rest.starts_with(|c: char| c.is_ascii_whitespace()) => {
            Policy::new(rest.trim_ascii()).map(Clause::from).map_err(|e| e.to_string())
        }
        "shadow" => shadow(rest),
        "ban" => ban(rest).map(Clause::from),
        _ => read(text).map(Clause::from),
    };
    read.map_err(|what| wrong(text, &what))
}

/// A word that some text begins with, and what follows it.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_ascii();
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn shadow(text: &str) -> Result<Clause, String> {
    let (word, _) = first_word(text);
    match word.to_ascii_lowercase().as_str() {
        other @ ("policy" | "shadow" | "ban") => Err(format!(
            "shadow must be followed by a limit, such as shadow 5/minute, not by {other}"
        )),
        _ => read(text).map(Clause::Shadow),
    }
}

fn wrong(text: &str, what: &str) -> ConfigError {
    ConfigError::new(format!("{what}, in '{text}'; a limit is {GRAMMAR}"))
}

fn read(text: &str) -> Result<Limit, String> {
    let mut parts = Parts { rest: text };
    let named = parts.algorithm()?;
    let n = parts.number()?.ok_or("n must be an integer, and is missing")?;
    parts.per()?;
    let period = parts.period()?;
    let burst = parts.burst()?;
    if let Some(surplus) = parts.next() {
        return Err(format!(
            "a limit must end after its unit or burst, not go on with '{surplus}'"
        ));
    }

    let algorithm = named.unwrap_or(match burst {
        Some(_) => Algorithm::Token,
        None => Algorithm::Fixed,
    });
    if burst.is_some() && !matches!(algorithm, Algorithm::Token | Algorithm::Leaky) {
        return Err(format!("burst must be of token or leaky, not of {}", algorithm.word()));
    }
    Limit::new(algorithm, burst.unwrap_or(n), n, period).map_err(|error| error.to_string())
}

/// What follows the word ban.
fn ban(text: &str) -> Result<Ban, String> {
    let mut parts = Parts { rest: text };
    let time = parts.time("ban")?;
    parts.expect("after", "the time of a ban")?;
    let refusals = parts.number()?.ok_or("after must be followed by an integer of refusals")?;
    parts.per()?;
    let period = parts.period()?;
    let ban = Ban::new(time, refusals, period).map_err(|error| error.to_string())?;
    if parts.peek().is_none() {
        return Ok(ban);
    }
    parts.expect("up", "the unit of a ban's refusals")?;
    parts.expect("to", "up")?;
    let ban = ban.up_to(parts.time("up to")?).map_err(|error| error.to_string())?;
    match parts.next() {
        None => Ok(ban),
        Some(surplus) => Err(format!("a ban must end after its times, not go on with '{surplus}'")),
    }
}

/// What is left of a limit string, taken part by part: a word, a number, or one other character.
struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn peek(&self) -> Option<(&'a str, &'a str)> {
        let text = self.rest.trim_ascii_start();
        let first = text.chars().next()?;
        let same: fn(char) -> bool = match first {
            'a'..='z' | 'A'..='Z' => |c| c.is_ascii_alphabetic(),
            '0'..='9' => |c| c.is_ascii_digit(),
            _ => return text.split_at_checked(first.len_utf8()),
        };
        text.split_at_checked(text.find(|c| !same(c)).unwrap_or(text.len()))
    }

    fn next(&mut self) -> Option<&'a str> {
        let (part, rest) = self.peek()?;
        self.rest = rest;
        Some(part)
    }

    /// The next part, if it begins with a letter.
    fn word(&mut self) -> Option<String> {
        let (part, rest) = self.peek()?;
        part.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| {
            self.rest = rest;
            part.to_ascii_lowercase()
        })
    }

    /// The next part, if it begins with a digit.
    fn number(&mut self) -> Result<Option<u64>, String> {
        let Some((part, rest)) = self.peek() else { return Ok(None) };
        if !part.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        if part.len() > 1 && part.starts_with('0') {
            return Err(format!("an integer must begin with 1 to 9, not be '{part}'"));
        }
        self.rest = rest;
        part.parse()
            .map(Some)
            .map_err(|_| format!("an integer must be at most 10^12, not '{part}'"))
    }

    fn algorithm(&mut self) -> Result<Option<Algorithm>, String> {
        let Some(word) = self.word() else { return Ok(None) };
        Algorithm::of_word(&word).map(Some).ok_or_else(|| {
            format!("algorithm must be one of fixed, sliding, log, token, leaky, not '{word}'")
        })
    }

    fn per(&mut self) -> Result<(), String> {
        match self.next() {
            Some("/") => Ok(()),
            Some(word) if word.eq_ignore_ascii_case("per") => Ok(()),
            Some(other) => Err(format!("n must be followed by '/' or 'per', not by '{other}'")),
            None => Err("n must be followed by '/' or 'per', and ends the limit".to_owned()),
        }
    }

    /// This word.
    fn expect(&mut self, word: &str, after: &str) -> Result<(), String> {
        match self.next() {
            Some(part) if part.eq_ignore_ascii_case(word) => Ok(()),
            Some(other) => Err(format!("{after} must be followed by {word}, not by '{other}'")),
            None => Err(format!("{after} must be followed by {word}, and ends the limit")),
        }
    }

    /// A count, which may be left out, and a unit.
    fn period(&mut self) -> Result<Period, String> {
        let count = self.number()?.unwrap_or(1);
        Period::new(count, self.unit()?).map_err(|error| error.to_string())
    }

    /// A count and a unit.
    fn time(&mut self, after: &str) -> Result<Period, String> {
        let count = self.number()?;
        let count = count
            .ok_or_else(|| format!("{after} must be followed by a time, such as 15m or 1 day"))?;
        Period::new(count, self.unit()?).map_err(|error| error.to_string())
    }

    fn unit(&mut self) -> Result<Unit, String> {
        let word = self.word().ok_or("unit must be s, m, h, d or w, and is missing")?;
        Ok(match word.as_str() {
            "s" | "sec" | "second" | "seconds" => Unit::Second,
            "m" | "min" | "minute" | "minutes" => Unit::Minute,
            "h" | "hr" | "hour" | "hours" => Unit::Hour,
            "d" | "day" | "days" => Unit::Day,
            "w" | "week" | "weeks" => Unit::Week,
            _ => return Err(format!("unit must be s, m, h, d or w, not '{word}'")),
        })
    }

    fn burst(&mut self) -> Result<Option<u64>, String> {
        match self.word().as_deref() {
            None => Ok(None),
            Some("burst") => {
                Ok(Some(self.number()?.ok_or("burst must be an integer, and is missing")?))
            }
            Some(other) => {
                Err(format!("unit must be followed by burst or nothing, not by '{other}'"))
            }
        }
    }
}
