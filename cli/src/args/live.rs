//! The words of the commands that ask running servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::words::Address;

const URL_HELP: &str = "\
A server or any node of a cluster: redis://[USER[:PASSWORD]@]HOST[:PORT], rediss:// for TLS, or \
unix:///PATH of a socket. A password that the URL lacks is read from REDISCLI_AUTH";

const WATCH_HELP: &str = "\
Keys: q quits; s sorts by denied, by change or by name; r resets RL.TOP on all primaries, after \
asking.

In a cluster all primaries are shown together. A server that does not answer within 2 s is shown as \
away, and asked again. --once looks twice, an interval apart, and exits 1 if a server is away.";

const EXPORT_HELP: &str = "\
All primaries of all URLs are asked at each scrape, and have the label instance.

  redis_rl_up               0 if the server is away: its other metrics are then left out
  redis_rl_decisions_total  by verdict; the same by algorithm, and by policy
  redis_rl_FIELD            every other field of INFO ratelimit, by its name

No key is ever a label. Alerts and a dashboard come with the tool: see docs/operations.md.";

const DIFF_HELP: &str = "\
+ is what the file adds, ~ what it changes, and - what the server has beyond it. Clauses are \
compared as RL.POLICY GET spells them. Exits 0 if nothing differs.";

const APPLY_HELP: &str = "\
Nothing is changed anywhere unless all primaries answer first. If one of them then fails, the error \
names those that have the policies and those that lack them, and the exit code is 1: repeat it, \
which does no harm.";

const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// Show who is being limited, live
#[derive(Debug, Args)]
#[command(after_help = WATCH_HELP)]
pub(crate) struct WatchArgs {
    #[arg(help = URL_HELP, value_name = "URL", default_value = DEFAULT_URL)]
    pub(crate) url: Address,
    /// How often to ask: a number with ms, s or m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Print it as text once, and end
    #[arg(long)]
    pub(crate) once: bool,
}

/// Export metrics to Prometheus
#[derive(Debug, Args)]
#[command(after_help = EXPORT_HELP)]
pub(crate) struct ExportArgs {
    #[arg(help = URL_HELP, value_name = "URL", default_value = DEFAULT_URL)]
    pub(crate) urls: Vec<Address>,
    /// The address and port of /metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9899")]
    pub(crate) listen: SocketAddr,
}

/// Compare the policies of every primary with a file, or make them the same
#[derive(Debug, Args)]
pub(crate) struct PoliciesArgs {
    #[command(subcommand)]
    pub(crate) word: PoliciesWord,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesWord {
    /// Show what each primary lacks, has otherwise or has beyond the file; exits 1 if anything
    #[command(after_help = DIFF_HELP)]
    Diff {
        /// The policies as JSON, as RL.POLICY LOAD takes them
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(help = URL_HELP, value_name = "URL", default_value = DEFAULT_URL)]
        url: Address,
    },
    /// Add and change policies on every primary
    #[command(after_help = APPLY_HELP)]
    Apply {
        /// The policies as JSON, as RL.POLICY LOAD takes them
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(help = URL_HELP, value_name = "URL", default_value = DEFAULT_URL)]
        url: Address,
        /// Also remove policies that the file does not have
        #[arg(long)]
        prune: bool,
    },
}

/// A time such as `500ms`, `1s` or `2m`, of 100 ms to an hour.
fn interval(text: &str) -> Result<Duration, String> {
    let wrong = || format!("must be a time from 100ms to 60m, such as 500ms or 1s, not '{text}'");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms = number.saturating_mul(factor);
    (100..=3_600_000).contains(&ms).then(|| Duration::from_millis(ms)).ok_or_else(wrong)
}
