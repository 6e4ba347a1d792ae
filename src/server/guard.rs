//! No panic gets out: one that crosses into C ends the server.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use super::log;

/// Runs `body`; if it panics, the answer is `otherwise`. The panic itself is in the log by then.
#[inline]
pub(crate) fn guard<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    // Decide first, write last: a body that stops half-way has not touched what it was given.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

/// Sends what a panic says to the server's log, which a daemon has and standard error it has not.
pub(crate) fn log_panics() {
    set_hook(Box::new(|panic| log::warning(&format!("internal error: {panic}"))));
}
