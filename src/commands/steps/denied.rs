//! Calls that were denied.

use crate::metrics;
use crate::server::Call;
use crate::settings::NOTIFY_DENIED;

/// Lets operators see who is denied.
#[inline(never)]
pub(in crate::commands) fn denied(call: &Call<'_>) {
    metrics::denied(call.key_bytes());
    if NOTIFY_DENIED.is_on() {
        call.notify(c"rl.denied");
    }
}
