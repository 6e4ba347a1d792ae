//! Charges with an id: remembered for a while, so that a call that is made again is not charged
//! again, and what it cost can be corrected.
//!
//! | file | what it holds |
//! |---|---|
//! | `new` | the receipt that a call leaves |
//! | `known` | what a receipt says where its call is made again |
//! | `ledger` | the limiters of a key with their receipts: every write passes here |
//! | `settle` | what a call turns out to have cost, for each algorithm |
//! | `lows` | how low a TOKEN has been since each charge |
//! | `shelf` | the receipts of a key, in the order in which they are forgotten |
//! | `receipt` | one receipt, in 40 bytes |
//! | `encoding` | them as bytes |

mod encoding;
mod known;
mod ledger;
mod lows;
mod new;
mod receipt;
mod settle;
mod shelf;

pub(crate) use known::KnownCall;
pub(crate) use ledger::Ledger;
pub use new::NewReceipt;
pub use settle::Settlement;
