//! Every error line: which argument, what it was, what it may be.

use std::fmt;

use rl_core::bounds::{MAX_CLAUSES, MAX_ID, MAX_LIMITERS, MAX_NUMBER};
use rl_core::{Algorithm, ChargeId, Refused, TooManyLimiters};

use Beginnings::{Algorithms, OfCalls, OfPolicies};

use super::bounds::{LONGEST_JSON, LONGEST_NAME, MAX_GROUPS, MAX_POLICIES};
use crate::metrics::ERRORS;
use crate::server::calls::call::Refusal;
use crate::server::{OutOfMemory, WrongType};

/// Longest piece of what a client sent that an error repeats.
pub(crate) const LONGEST_QUOTE: usize = 64;

/// Why a command is not carried out.
#[derive(Debug)]
pub(crate) enum Error {
    /// The key holds something else.
    WrongType,
    /// It needs memory that is not there.
    OutOfMemory,
    /// A number is not one, or out of its range.
    Number { name: &'static str, was: Quoted, min: u64, max: u64 },
    /// A period is not one, or out of its range.
    Period { name: &'static str, longest: &'static str, was: Quoted },
    /// COST without a number after it.
    CostWithoutNumber,
    /// ID without an id after it.
    IdWithoutText,
    /// KEEP without a period after it.
    KeepWithoutPeriod,
    /// An id of no bytes, or of too many.
    Id { len: usize },
    /// An id that is known as another call's.
    AnotherCall { id: Quoted },
    /// An id where there may be no receipts.
    NoReceipts,
    /// Words after the last argument.
    Unexpected { was: Quoted, expected: &'static str },
    /// A key without a clause.
    NoClause,
    /// A key that is named twice in a call.
    SameKey { group: usize, earlier: usize },
    /// AND without a key after it.
    AndWithoutKey,
    /// More keys than a call may have.
    TooManyGroups,
    /// A clause begins with a word that begins none, nor is it anything `else_or` says. Only a call
    /// may name a policy.
    NoSuchClause { clause: usize, was: Quoted, in_call: bool, else_or: &'static str },
    /// A clause ends too early.
    Incomplete { clause: usize, usage: &'static str },
    /// An error within a clause.
    InClause { clause: usize, error: Box<Error> },
    /// An error that is about one of several keys.
    InGroup { group: usize, error: Box<Error> },
    /// Two clauses mean the same limiter.
    SameLimiter { clause: usize, earlier: usize },
    /// A second LEASE or BAN at one key.
    SecondOfKey { clause: usize, word: &'static str },
    /// SHADOW before what is no limit.
    Shadow { was: Quoted },
    /// The longest ban of a BAN is shorter than its first.
    MaxBelowBan { ban: Quoted, was: Quoted },
    /// LEASE in a call without an id.
    LeaseWithoutId,
    /// BAN at a key where nothing can refuse.
    BanAlone,
    /// More clauses than a call may have.
    TooManyClauses,
    /// More limiters than a key may have.
    TooManyLimiters,
    /// No policy has this name.
    NoPolicy { name: Quoted },
    /// A name that no policy may have.
    PolicyName { was: Quoted },
    /// More policies than there may be.
    TooManyPolicies,
    /// More bytes of JSON than are read.
    TooMuchJson { was: usize },
    /// JSON that is malformed, or says no policies.
    Json(String),
    /// Bytes where text is needed.
    NotText { was: Quoted },
    /// The payload of the internal command is not one.
    Effect,
    /// The user lacks the right of the server's that the command asks for.
    NotPermitted(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongType => {
                f.write_str("Operation against a key holding the wrong kind of value")
            }
            Self::OutOfMemory => f.write_str("command not allowed when used memory > 'maxmemory'."),
            Self::Number { name, was, min, max } => {
                write!(
                    f,
                    "{name} must be an integer from {min} to {max}, without sign or leading zero, \
                     not {was}"
                )
            }
            Self::Period { name, longest, was } => write!(
                f,
                "{name} must be an integer of seconds, or one with a suffix of ms, s, m, h, d or w \
                 in lower case, from 1ms to {longest}, without sign or leading zero, not {was}"
            ),
            Self::CostWithoutNumber => {
                write!(f, "COST must be followed by an integer from 0 to {MAX_NUMBER}")
            }
            Self::IdWithoutText => write!(f, "ID must be followed by an id of 1 to {MAX_ID} bytes"),
            Self::KeepWithoutPeriod => {
                f.write_str("KEEP must be followed by a period from 1ms to 1d")
            }
            Self::Id { len } => write!(f, "id must be 1 to {MAX_ID} bytes, not {len}"),
            Self::AnotherCall { id } => write!(f, "id {id} names another call"),
            Self::NoReceipts => {
                f.write_str("ID must not be given while ratelimit.receipts-max is 0")
            }
            Self::Unexpected { was, expected } => {
                write!(f, "unexpected argument {was}, {expected}")
            }
            Self::NoClause => {
                write!(
                    f,
                    "at least one clause must come before COST and ID, and begin with {OfCalls}"
                )
            }
            Self::SameKey { group, earlier } => write!(
                f,
                "group {group} has the same key as group {earlier}, each key may be named once"
            ),
            Self::AndWithoutKey => f.write_str("AND must be followed by a key and its clauses"),
            Self::TooManyGroups => {
                write!(f, "too many groups, a call may have at most {MAX_GROUPS}")
            }
            Self::NoSuchClause { clause, was, in_call, else_or } => {
                let words = if *in_call { OfCalls } else { OfPolicies };
                write!(f, "clause {clause} must begin with {words}{else_or}, not {was}")
            }
            Self::Incomplete { clause, usage } => {
                write!(f, "clause {clause} is incomplete, it must be {usage}")
            }
            Self::InClause { clause, error } => write!(f, "clause {clause}: {error}"),
            Self::InGroup { group, error } => write!(f, "group {group}: {error}"),
            Self::SameLimiter { clause, earlier } => write!(
                f,
                "clause {clause} has the same algorithm and period as clause {earlier}, \
                 each limiter may be named once"
            ),
            Self::SecondOfKey { clause, word } => {
                write!(f, "clause {clause} is a second {word}, a key may have one in a call")
            }
            Self::Shadow { was } => {
                write!(f, "SHADOW must be followed by {Algorithms}, not {was}")
            }
            Self::MaxBelowBan { ban, was } => {
                write!(f, "max must be at least the ban, {ban}, not {was}")
            }
            Self::LeaseWithoutId => {
                f.write_str("LEASE must come with ID id at the end of the call")
            }
            Self::BanAlone => {
                f.write_str("BAN must come with a clause that can refuse: a limit or LEASE")
            }
            Self::TooManyClauses => {
                write!(f, "too many clauses, a call may have at most {MAX_CLAUSES}")
            }
            Self::TooManyLimiters => write!(
                f,
                "key holds at most {MAX_LIMITERS} limiters in use; each algorithm and period is one, \
                 and so is each limit on trial, the set of leases and the ban"
            ),
            Self::NoPolicy { name } => write!(f, "there is no policy {name}"),
            Self::PolicyName { was } => write!(
                f,
                "a policy's name must be 1 to {LONGEST_NAME} letters, digits or signs of \
                 . _ : / @ -, not {was}"
            ),
            Self::TooManyPolicies => {
                write!(f, "too many policies, there may be at most {MAX_POLICIES}")
            }
            Self::TooMuchJson { was } => {
                write!(f, "json must be at most {LONGEST_JSON} bytes, not {was}")
            }
            Self::Json(why) => {
                let one_line = why.replace(char::is_control, " ");
                write!(f, "json must be policies: {one_line}")
            }
            Self::NotText { was } => write!(f, "the argument must be UTF-8 text, not {was}"),
            Self::Effect => {
                f.write_str("effect must be one that this module has made, and fit the key")
            }
            Self::NotPermitted(why) => f.write_str(why),
        }
    }
}

impl Refusal for Error {
    fn count(&self) {
        ERRORS.add();
    }

    fn to_line(&self) -> String {
        let code = match self {
            Self::WrongType => "WRONGTYPE",
            Self::OutOfMemory => "OOM",
            Self::NotPermitted(_) => "NOPERM",
            _ => "ERR",
        };
        format!("{code} {self}")
    }
}

impl Error {
    /// `error`, which is about the key of that number.
    #[cold]
    pub(crate) fn in_group(group: usize, error: Self) -> Self {
        Self::InGroup { group, error: Box::new(error) }
    }

    /// That of a call whose charge has this id, if any.
    #[cold]
    pub(crate) fn of_refused(refused: Refused, id: Option<&ChargeId>) -> Self {
        match refused {
            Refused::TooManyLimiters => Self::TooManyLimiters,
            Refused::NoReceipts => Self::NoReceipts,
            Refused::AnotherCall => {
                let id = id.map_or(&[][..], ChargeId::as_bytes);
                Self::AnotherCall { id: Quoted::new(id) }
            }
        }
    }
}

impl From<WrongType> for Error {
    fn from(_: WrongType) -> Self {
        Self::WrongType
    }
}

impl From<OutOfMemory> for Error {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<TooManyLimiters> for Error {
    fn from(_: TooManyLimiters) -> Self {
        Self::TooManyLimiters
    }
}

/// The words that may begin a clause, as a sentence lists them.
enum Beginnings {
    /// Limits.
    Algorithms,
    /// Clauses of a policy.
    OfPolicies,
    /// Clauses of a call.
    OfCalls,
}

impl fmt::Display for Beginnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: &[&str] = match self {
            Algorithms => &[],
            OfPolicies => &["LEASE", "SHADOW", "BAN"],
            OfCalls => &["LEASE", "SHADOW", "BAN", "POLICY"],
        };
        let algorithms = Algorithm::ALL.iter().map(|algorithm| algorithm.word());
        let count = Algorithm::ALL.len().saturating_add(others.len());
        for (place, word) in algorithms.chain(others.iter().copied()).enumerate() {
            f.write_str(match count.saturating_sub(place) {
                _ if place == 0 => "",
                1 => " or ",
                _ => ", ",
            })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// What a client sent, fit to be repeated in one line.
#[derive(Debug)]
pub(crate) struct Quoted(String);

impl Quoted {
    #[cold]
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let (shown, more) = match bytes.get(..LONGEST_QUOTE) {
            Some(start) if bytes.len() > LONGEST_QUOTE => (start, "..."),
            _ => (bytes, ""),
        };
        Self(format!("'{}{more}'", shown.escape_ascii()))
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_begin_a_clause_is_listed_as_a_sentence_does() {
        for (words, sentence) in [
            (Algorithms, "FIXED, SLIDING, LOG, TOKEN or LEAKY"),
            (OfPolicies, "FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW or BAN"),
            (OfCalls, "FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW, BAN or POLICY"),
        ] {
            assert_eq!(words.to_string(), sentence);
        }
    }

    #[test]
    fn what_is_repeated_is_one_short_line() {
        assert_eq!(Quoted::new(b"a'b\r\n\xff\0").to_string(), r"'a\'b\r\n\xff\x00'");
        let long = Quoted::new(&[b'x'; 1000]).to_string();
        assert_eq!(long, format!("'{}...'", "x".repeat(64)));
    }
}
