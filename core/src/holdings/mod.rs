//! All that a key can hold beside plain limiters: receipts, shadows, leases, a ban.
//!
//! | file | what it holds |
//! |---|---|
//! | `held` | all of it, in one box |
//! | `note` | what a call, a settle, a renewal or a release changes of it |
//! | `record` | how that is put in place |
//! | `many` | how renewals and releases of many ids are |
//! | `key` | what whoever has a key's [`Limiters`](crate::Limiters) can ask of it |
//! | `encoding` | all of it as bytes |

mod encoding;
mod held;
mod key;
mod many;
mod note;
mod record;

pub use held::Holdings;
pub use note::{Item, Note};
pub use record::Dropped;
