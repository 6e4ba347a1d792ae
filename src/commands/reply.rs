//! Verdicts as integers.

use rl_core::bounds::MAX_ANSWER;
use rl_core::{Verdict, Wait};

use crate::server::Call;

/// The five integers of a single limit.
#[inline(always)]
pub(super) fn verdict(call: &Call<'_>, verdict: &Verdict) {
    call.reply_array(5);
    call.reply_integer(i64::from(verdict.allowed));
    integer(call, verdict.limit);
    integer(call, verdict.remaining);
    wait(call, verdict.wait);
    integer(call, verdict.reset_ms);
}

/// Milliseconds to wait; -1 for ever.
#[inline(always)]
pub(super) fn wait(call: &Call<'_>, wait: Wait) {
    match wait {
        Wait::Ms(ms) => integer(call, ms),
        Wait::Never => call.reply_integer(-1),
    }
}

/// A number, or 2^53 - 1 if it is larger: what every client's language can hold.
#[inline(always)]
pub(super) fn integer(call: &Call<'_>, value: u64) {
    call.reply_integer(i64::try_from(value.min(MAX_ANSWER)).unwrap_or(i64::MAX));
}
