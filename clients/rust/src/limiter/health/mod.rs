//! Whether Redis answers, in time, and what is said of it.

pub(super) mod breaker;
pub(super) mod deadline;
#[cfg(feature = "tracing")]
pub(super) mod log;
