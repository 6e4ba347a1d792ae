//! What is counted.
//!
//! | file | what it holds |
//! |---|---|
//! | `count` | counts, and pairs of them: how often allowed, how often denied |
//! | `decisions` | decisions and errors, and what INFO shows of them |
//! | `charges` | what becomes of charges with an id |
//! | `denied` | the keys that are denied most |
//! | `top` | the table that finds those keys in bounded memory |

mod charges;
mod count;
mod decisions;
mod denied;
mod top;

pub(crate) use charges::{receipts_dropped, repeated, settled};
pub(crate) use count::{Count, Decisions};
pub(crate) use decisions::{ERRORS, decided, decided_all};
pub(crate) use denied::{denied, resize_top, with_top};

/// Gives what INFO shows of calls, in order.
pub(crate) fn fields(field: crate::server::Field<'_>) {
    decisions::fields(field);
    charges::fields(field);
}
