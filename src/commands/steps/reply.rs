//! Verdicts as integers.

use rl_core::bounds::MAX_ANSWER;
use rl_core::{Verdict, Wait};

use crate::server::Answer;

/// The five integers of a single limit.
#[inline(always)]
pub(in crate::commands) fn verdict(answer: &mut Answer<'_>, verdict: &Verdict) {
    answer.array(5);
    answer.integer(u64::from(verdict.allowed));
    integer(answer, verdict.limit);
    integer(answer, verdict.remaining);
    wait(answer, verdict.wait);
    integer(answer, verdict.reset_ms);
}

/// Milliseconds to wait; -1 for ever.
#[inline(always)]
pub(in crate::commands) fn wait(answer: &mut Answer<'_>, wait: Wait) {
    match wait {
        Wait::Ms(ms) => integer(answer, ms),
        Wait::Never => answer.minus_one(),
    }
}

/// A number, or 2^53 - 1 if it is larger: what every client's language can hold.
#[inline(always)]
pub(in crate::commands) fn integer(answer: &mut Answer<'_>, value: u64) {
    answer.integer(value.min(MAX_ANSWER));
}
