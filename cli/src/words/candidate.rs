//! Limits to try, read as the helpers read them.

use std::str::FromStr;

use redis_rl::{ConfigError, LimitSet, Period};
use rl_core::{Algorithm, BanClause, Clause};

/// A limit set to try.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    text: String,
    clauses: Vec<Clause>,
    ban: Option<BanClause>,
    words: Vec<Vec<String>>,
}

impl Candidate {
    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The limits that are decided. Those on trial are not among them, for they never refuse.
    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// When whoever does not wait is shut out, if ever.
    pub(crate) fn ban(&self) -> Option<BanClause> {
        self.ban
    }

    /// The words of each clause, as a command has them.
    pub(crate) fn words(&self) -> &[Vec<String>] {
        &self.words
    }
}

impl FromStr for Candidate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let set: LimitSet = text.parse().map_err(|error: ConfigError| error.to_string())?;
        let (mut clauses, mut ban, mut words) = (Vec::new(), None, Vec::new());
        for clause in set.clauses() {
            match clause {
                redis_rl::Clause::Limit(limit) => {
                    clauses.push(decided(limit)?);
                    words.push(limit.clause());
                }
                redis_rl::Clause::Shadow(limit) => {
                    let mut clause = limit.clause();
                    clause.insert(0, "SHADOW".to_owned());
                    words.push(clause);
                }
                redis_rl::Clause::Ban(clause) => {
                    ban = Some(decided_ban(clause));
                    words.push(clause.clause());
                }
                _ => {
                    return Err(format!(
                        "a limit to replay must have its numbers, since what a server keeps is \
                         not known here, not '{text}'"
                    ));
                }
            }
        }
        Ok(Self { text: text.to_owned(), clauses, ban, words })
    }
}

/// The same limit as the server decides it.
fn decided(limit: &redis_rl::Limit) -> Result<Clause, String> {
    let algorithm = match limit.algorithm() {
        redis_rl::Algorithm::Fixed => Algorithm::Fixed,
        redis_rl::Algorithm::Sliding => Algorithm::Sliding,
        redis_rl::Algorithm::Log => Algorithm::Log,
        redis_rl::Algorithm::Token => Algorithm::Token,
        redis_rl::Algorithm::Leaky => Algorithm::Leaky,
        other => return Err(format!("{} cannot be replayed", other.word())),
    };
    let (limit, refill, period_ms) = (limit.limit(), limit.refill(), ms(limit.period()));
    Ok(Clause { algorithm, limit, refill, period_ms })
}

fn decided_ban(ban: &redis_rl::Ban) -> BanClause {
    BanClause {
        refusals: ban.refusals(),
        period_ms: ms(ban.period()),
        ban_ms: ms(ban.time()),
        max_ms: ms(ban.most().unwrap_or(ban.time())),
    }
}

fn ms(period: Period) -> u64 {
    u64::try_from(period.duration().as_millis()).unwrap_or(u64::MAX)
}
