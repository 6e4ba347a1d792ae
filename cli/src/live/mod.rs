//! The commands that ask running servers.

use crate::args::{ExportArgs, PoliciesArgs, WatchArgs};
use crate::failure::Failure;

/// Shows who is being limited, live.
pub(crate) fn watch(args: WatchArgs) -> Result<(), Failure> {
    Err(Failure::Could(format!("watch is not there yet: {args:?}")))
}

/// Exports metrics to Prometheus.
pub(crate) fn export(args: ExportArgs) -> Result<(), Failure> {
    Err(Failure::Could(format!("export is not there yet: {args:?}")))
}

/// Compares policies with a file, or makes them the same.
pub(crate) fn policies(args: PoliciesArgs) -> Result<(), Failure> {
    Err(Failure::Could(format!("policies is not there yet: {args:?}")))
}
