//! Limits, as they are written, sent and named.

mod clause;
mod limit;
mod name;
mod parse;
mod period;
mod policy;
mod set;

pub use clause::Clause;
#[cfg(feature = "tower")]
pub(crate) use clause::Counter;
pub use limit::{Algorithm, Limit, MAX_NUMBER};
pub use period::{Period, Unit};
pub use policy::Policy;
pub(crate) use policy::{PolicyClause, names as policy_names};
pub use set::LimitSet;
