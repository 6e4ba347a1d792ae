//! Limits, as they are written, sent and named.

mod ban;
mod clause;
mod kept;
mod limit;
mod name;
mod parse;
mod period;
mod places;
mod policy;
mod rate;
mod set;

pub use ban::Ban;
pub use clause::Clause;
#[cfg(feature = "tower")]
pub(crate) use clause::Counter;
pub(crate) use kept::{Kind, PolicyClause, names as policy_names};
pub use limit::{Algorithm, Limit, MAX_NUMBER};
pub use period::{Period, Unit};
pub use places::Places;
pub use policy::Policy;
pub use set::LimitSet;
