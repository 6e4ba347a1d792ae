//! So many at once: who holds a place, and until when.
//!
//! | file | what it holds |
//! |---|---|
//! | `clause` | what a call asks for |
//! | `lease` | one lease, in 40 bytes |
//! | `set` | the leases of a key, in the order in which they end |
//! | `many` | leases of many ids at once |
//! | `judge` | what a call is told of them |
//! | `encoding` | them as bytes |

mod clause;
mod encoding;
mod judge;
mod lease;
mod many;
mod set;

pub use clause::{LeaseAsk, LeaseClause};
pub(crate) use judge::judge;
pub(crate) use set::Leases;
