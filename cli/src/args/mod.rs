//! The words of the command line. The man pages and the completions come from here, too.

mod live;
mod replay;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[allow(unused_imports)]
pub(crate) use live::{ExportArgs, PoliciesArgs, PoliciesWord, WatchArgs};
pub(crate) use replay::{Format, ReplayArgs};

/// Choose limits for redis-rl from a log, and see what they do
///
/// The module redis-rl limits rates within Redis and Valkey. This tool replays a log of requests
/// against limits that you consider, shows who is limited on a running server, exports that to
/// Prometheus, and keeps the policies of all primaries the same as a file.
#[derive(Debug, Parser)]
#[command(
    name = "redis-rl",
    version,
    after_help = "Exit codes: 0 done, 1 could not, 2 wrong words."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) word: Word,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    Replay(ReplayArgs),
    Watch(WatchArgs),
    Export(ExportArgs),
    Policies(PoliciesArgs),
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// Write the man pages and the completions of bash, zsh and fish into a folder
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// Where to write them
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}
