//! Charges with an id: remembered for a while, so that a call that is made again is not charged
//! again, and what it cost can be corrected.
//!
//! | file | what it holds |
//! |---|---|
//! | `id` | the id of a charge |
//! | `group` | how a call with an id is decided, and one on several keys |
//! | `note` | what such a call, or a settle, changes |
//! | `ledger` | the limiters of a key with their receipts: every write passes here |
//! | `settle` | what a call turns out to have cost, for each algorithm |
//! | `lows` | how low a TOKEN has been since each charge |
//! | `shelf` | the receipts of a key, in the order in which they are forgotten |
//! | `receipt` | one receipt, in 40 bytes |
//! | `room` | how queues of them grow |
//! | `key` | all this for whoever has a key's [`Limiters`](crate::Limiters) |
//! | `encoding` | all that such a key holds, as bytes |

mod encoding;
mod group;
mod id;
mod key;
mod ledger;
mod lows;
mod note;
mod receipt;
mod room;
mod settle;
mod shelf;

pub use group::{Charge, Group, GroupOutcome, Refused, decide_all};
pub use id::ChargeId;
pub use ledger::Ledger;
pub use note::{Item, NewReceipt, Note};
pub use settle::Settlement;
