//! The words of `replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::words::{Candidate, Condition, KeyFields, Share};

/// Replay a log against limits: what would yesterday's traffic have met?
///
/// Each request is decided for each limit by itself, at its own time, by the code that the server
/// runs. A refused request consumes nothing. What refused clients would have done instead, a log
/// cannot say: the report is a first estimate.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Log files, '-' for standard input; gzip is recognized
    #[arg(value_name = "LOG", required = true)]
    pub(crate) logs: Vec<PathBuf>,
    /// A limit to try, as '5/minute', 'sliding 100 per 10 minutes', 'token 10/second burst 20';
    /// several joined by ';' are asked together
    #[arg(long = "limit", value_name = "LIMIT", required = true)]
    pub(crate) limits: Vec<Candidate>,
    /// How the log is written; auto looks at its first lines
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    pub(crate) format: Format,
    /// The field that says when a request came
    #[arg(long, value_name = "FIELD")]
    pub(crate) time: Option<String>,
    /// Whom to limit: a field, or several joined by '+'
    #[arg(long, value_name = "ip|FIELD[+FIELD]", default_value = "ip")]
    pub(crate) key: KeyFields,
    /// The field that says what a request costs, an integer; 1 where it is missing
    #[arg(long, value_name = "FIELD")]
    pub(crate) cost: Option<String>,
    /// Only requests for which this holds: FIELD=VALUE, or with != < <= > >= or ~REGEX; several
    /// must all hold
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) conditions: Vec<Condition>,
    /// How many leading bits of an IPv6 address are one client
    #[arg(long, value_name = "BITS", default_value_t = 64,
        value_parser = clap::value_parser!(u8).range(32..=128))]
    pub(crate) ipv6_prefix: u8,
    /// How many of those who are refused most to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    /// Also find, for each period asked, the smallest limit that refuses at most this share of
    /// clients, such as 0.1%
    #[arg(long, value_name = "SHARE")]
    pub(crate) suggest: Option<Share>,
    /// Write the report as one page of HTML, with plots
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write everybody who is refused, as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Whichever of the others reads most of the first lines
    Auto,
    /// Common, with referer and agent: the default of nginx
    Combined,
    /// NCSA's, as Apache writes it: host, ident, user, [time], "request", status, bytes
    Common,
    /// One JSON object on each line
    Json,
    /// Amazon's Application Load Balancer
    Alb,
    /// The default of Envoy
    Envoy,
}
