//! What is counted.
//!
//! | file | what it holds |
//! |---|---|
//! | `count` | counts, and pairs of them: how often allowed, how often denied |
//! | `decisions` | decisions and errors, and what INFO shows of them |
//! | `charges` | what becomes of charges with an id |
//! | `places` | what becomes of leases, of limits on trial, and of who does not wait |
//! | `denied` | the keys that are denied most, and those that limits on trial would deny |
//! | `top` | the table that finds those keys in bounded memory |

mod charges;
mod count;
mod decisions;
mod denied;
mod places;
mod top;

pub(crate) use charges::{dropped, repeated, settled};
pub(crate) use count::{Count, Decisions};
pub(crate) use decisions::{ERRORS, decided, decided_all};
pub(crate) use denied::{Calls, denied, resize_top, shadow_denied, with_top};
pub(crate) use places::{ban_started, ended as leases_ended, released as leases_released, tried};

/// Gives what INFO shows of calls, in order.
pub(crate) fn fields(field: crate::server::Field<'_>) {
    decisions::fields(field);
    charges::fields(field);
    places::fields(field);
}
