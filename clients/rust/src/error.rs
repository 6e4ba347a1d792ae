//! Why there is no outcome, and who must act.

use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError};

use crate::keys::CannotIdentify;

/// Why a check has no outcome. A denial is no error: it is an [`Outcome`](crate::Outcome).
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// No reply within the limiter's timeout.
    Timeout(Duration),
    /// This process was too busy to ask within the timeout, twice in a row: Redis is not to blame.
    Late(Duration),
    /// Redis was not asked: it left five checks in a row without an answer, less than a second ago.
    BreakerOpen,
    /// Redis cannot answer now: connection lost, loading, failing over, out of memory.
    Unavailable(RedisError),
    /// The server does not know RL.LIMIT.
    ModuleNotLoaded,
    /// Redis refuses what it is asked, and will until somebody changes something; the text says
    /// what it said.
    Configuration(String),
    /// The request has nothing to be limited by.
    CannotIdentify(CannotIdentify),
}

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It passes; [`OnError`](crate::OnError) says what happens until then.
    Transient,
    /// Somebody must act: never served, whatever `OnError` says.
    Configuration,
    /// As `Configuration`: the module must be loaded.
    MissingModule,
    /// There is nobody to limit: the request's fault, never served, and nothing about Redis.
    Unidentified,
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Timeout(_) | Self::Late(_) | Self::BreakerOpen | Self::Unavailable(_) => {
                Class::Transient
            }
            Self::ModuleNotLoaded => Class::MissingModule,
            Self::Configuration(_) => Class::Configuration,
            Self::CannotIdentify(_) => Class::Unidentified,
        }
    }

    /// Whether Redis gave no answer at all: what it answered, even an error, opens no breaker.
    pub(crate) fn is_missing_answer(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Unavailable(error) => error.code().is_none(),
            _ => false,
        }
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        if is_transient(&error) {
            Self::Unavailable(error)
        } else if is_missing_module(&error) {
            Self::ModuleNotLoaded
        } else {
            Self::Configuration(without_arguments(&error.to_string()).to_owned())
        }
    }
}

/// Servers repeat the arguments of a command that they do not know. Of AUTH and HELLO they are
/// passwords.
fn without_arguments(text: &str) -> &str {
    text.split(", with args beginning with").next().unwrap_or(text)
}

impl From<CannotIdentify> for Error {
    fn from(error: CannotIdentify) -> Self {
        Self::CannotIdentify(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => write!(f, "Redis did not answer within {timeout:?}"),
            Self::Late(timeout) => {
                write!(f, "this process was too busy to ask Redis within {timeout:?}, twice")
            }
            Self::BreakerOpen => {
                f.write_str("Redis did not answer five times in a row and is left alone for a second")
            }
            Self::Unavailable(error) => write!(f, "Redis cannot answer now: {error}"),
            Self::ModuleNotLoaded => f.write_str(
                "the module redis-rl is not loaded: start the server with \
                 `--loadmodule /path/to/libredis_rl.so`, or send MODULE LOAD /path/to/libredis_rl.so",
            ),
            Self::Configuration(text) => write!(f, "Redis refuses the rate limiter: {text}"),
            Self::CannotIdentify(error) => error.fmt(f),
        }
    }
}

/// The kind and the text, as `main` prints the error that it returns.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Timeout(_) => "Timeout",
            Self::Late(_) => "Late",
            Self::BreakerOpen => "BreakerOpen",
            Self::Unavailable(_) => "Unavailable",
            Self::ModuleNotLoaded => "ModuleNotLoaded",
            Self::Configuration(_) => "Configuration",
            Self::CannotIdentify(_) => "CannotIdentify",
        };
        write!(f, "{kind}: {self}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(error) => Some(error),
            Self::CannotIdentify(error) => Some(error),
            _ => None,
        }
    }
}

fn is_transient(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::NoValidReplicasFoundBySentinel => true,
        _ => match error.code() {
            Some(
                "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "READONLY" | "NOREPLICAS"
                | "BUSY" | "OOM" | "MISCONF",
            ) => true,
            Some("ERR") => says(error, "max number of clients"),
            _ => false,
        },
    }
}

/// As in ``unknown command `RL.LIMIT`, with args``; quotes and case differ among servers.
fn is_missing_module(error: &RedisError) -> bool {
    error.code() == Some("ERR")
        && ["unknown command 'rl.", "unknown command `rl."].iter().any(|text| says(error, text))
}

fn says(error: &RedisError, text: &str) -> bool {
    error.detail().is_some_and(|detail| detail.to_ascii_lowercase().starts_with(text))
}
