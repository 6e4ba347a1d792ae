//! The words of the commands that ask running servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::words::Address;

const URL_HELP: &str = "\
A server or any node of a cluster: redis://[USER[:PASSWORD]@]HOST[:PORT], rediss:// for TLS, or \
unix:///PATH of a socket. Without a password REDISCLI_AUTH is read";

const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// Show who is being limited, live
#[derive(Debug, Args)]
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
    Diff {
        /// The policies as JSON, as RL.POLICY LOAD takes them
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(help = URL_HELP, value_name = "URL", default_value = DEFAULT_URL)]
        url: Address,
    },
    /// Add and change policies on every primary
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
