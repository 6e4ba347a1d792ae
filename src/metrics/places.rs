//! What becomes of leases, of limits on trial, and of who does not wait.

use rl_core::Trial;

use super::count::Count;
use crate::server::Field;

static LEASES_RELEASED: Count = Count::new();

/// Leases that ran out: crashed, or too short.
static LEASES_ENDED: Count = Count::new();

static SHADOW_ALLOWED: Count = Count::new();
static SHADOW_DENIED: Count = Count::new();
static SHADOW_SKIPPED: Count = Count::new();

static BANS_STARTED: Count = Count::new();

/// Counts leases that were given back.
pub(crate) fn released(count: usize) {
    LEASES_RELEASED.add_many(count as u64);
}

/// Counts leases that ran out.
pub(crate) fn ended(count: usize) {
    LEASES_ENDED.add_many(count as u64);
}

/// Counts what a limit on trial says.
pub(crate) fn tried(trial: Trial) {
    match trial {
        Trial::None => {}
        Trial::Allowed => SHADOW_ALLOWED.add(),
        Trial::Denied => SHADOW_DENIED.add(),
        Trial::Skipped => SHADOW_SKIPPED.add(),
    }
}

/// Counts a ban that begins.
pub(crate) fn ban_started() {
    BANS_STARTED.add();
}

/// Gives what INFO shows of them, in order.
pub(super) fn fields(field: Field<'_>) {
    field(&["leases_released"], LEASES_RELEASED.get());
    field(&["leases_ended"], LEASES_ENDED.get());
    field(&["shadow_allowed"], SHADOW_ALLOWED.get());
    field(&["shadow_denied"], SHADOW_DENIED.get());
    field(&["shadow_skipped"], SHADOW_SKIPPED.get());
    field(&["bans_started"], BANS_STARTED.get());
}
