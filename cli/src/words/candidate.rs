//! Limits to try, read as the helpers read them.

use std::str::FromStr;

use redis_rl::LimitSet;
use rl_core::{Algorithm, Clause};

/// A limit set to try.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    text: String,
    clauses: Vec<Clause>,
    words: Vec<Vec<String>>,
}

impl Candidate {
    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What is decided.
    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The words of each clause, as a command has them.
    pub(crate) fn words(&self) -> &[Vec<String>] {
        &self.words
    }
}

impl FromStr for Candidate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let set: LimitSet =
            text.parse().map_err(|error: redis_rl::ConfigError| error.to_string())?;
        let mut made = Self { text: text.to_owned(), clauses: Vec::new(), words: Vec::new() };
        for clause in set.clauses() {
            let redis_rl::Clause::Limit(limit) = clause else {
                return Err(format!(
                    "a limit to replay must have its numbers, and what a server keeps is not \
                     known here: '{text}'"
                ));
            };
            made.clauses.push(decided(limit)?);
            made.words.push(limit.clause());
        }
        Ok(made)
    }
}

/// The same limit as the server decides it.
fn decided(limit: &redis_rl::Limit) -> Result<Clause, String> {
    let period_ms = u64::try_from(limit.period().duration().as_millis()).unwrap_or(u64::MAX);
    let algorithm = match limit.algorithm() {
        redis_rl::Algorithm::Fixed => Algorithm::Fixed,
        redis_rl::Algorithm::Sliding => Algorithm::Sliding,
        redis_rl::Algorithm::Log => Algorithm::Log,
        redis_rl::Algorithm::Token => Algorithm::Token,
        redis_rl::Algorithm::Leaky => Algorithm::Leaky,
        other => return Err(format!("{} cannot be replayed", other.word())),
    };
    Ok(Clause { algorithm, limit: limit.limit(), refill: limit.refill(), period_ms })
}
