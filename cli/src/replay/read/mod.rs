//! Reading logs: lines become requests, in the order of their times.
//!
//! | file | what it is for |
//! |---|---|
//! | `source` | where lines come from |
//! | `lines` | lines of a bounded length |
//! | `what` | what of a line counts, and what it costs |
//! | `log` | the requests of one log, sorted |
//! | `merge` | those of several |
//! | `skipped` | lines that cannot be read |
//! | `progress` | how far it is, on a terminal |

mod lines;
mod log;
mod merge;
mod progress;
mod skipped;
mod source;
mod what;

pub(crate) use log::Request;
pub(crate) use merge::Logs;
pub(crate) use skipped::Skipped;
