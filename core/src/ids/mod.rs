//! Ids of charges and leases.
//!
//! | file | what it holds |
//! |---|---|
//! | `id` | an id, and a short digest of one |
//! | `marks` | how an id is found among many |
//! | `names` | many ids that are looked for at once |

mod id;
mod marks;
mod names;

pub use id::ChargeId;
pub(crate) use id::put_id;
pub(crate) use marks::Marks;
pub(crate) use names::Names;
