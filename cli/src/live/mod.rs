//! The commands that ask running servers.
//!
//! | file | what it is for |
//! |---|---|
//! | `server` | one server, asked within a deadline |
//! | `primaries` | all primaries behind one URL |
//! | `counters` | what `INFO ratelimit` counts |
//! | `export` | what all servers count, for Prometheus |
//! | `policies` | those of a file against those of every primary |
//! | `watch` | who is being limited, live |

mod counters;
mod export;
mod policies;
mod primaries;
mod server;
mod watch;

use std::future::Future;

use crate::args::{ExportArgs, PoliciesArgs, WatchArgs};
use crate::failure::Failure;

/// Shows who is being limited, live.
pub(crate) fn watch(args: &WatchArgs) -> Result<(), Failure> {
    run(watch::run(args))
}

/// Exports metrics to Prometheus.
pub(crate) fn export(args: &ExportArgs) -> Result<(), Failure> {
    run(export::run(args))
}

/// Compares policies with a file, or makes them the same.
pub(crate) fn policies(args: &PoliciesArgs) -> Result<(), Failure> {
    run(policies::run(&args.word))
}

/// Runs `work` to its end, on this thread.
fn run(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Could(format!("cannot begin: {error}")))?.block_on(work)
}
