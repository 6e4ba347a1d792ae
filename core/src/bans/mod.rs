//! Who does not wait is shut out for a while.
//!
//! | file | what it holds |
//! |---|---|
//! | `clause` | what a call asks for |
//! | `ban` | what is recorded: the last refusal, those that counted, the last ban |
//! | `judge` | what a call is told of it |
//! | `refuse` | what a refusal changes of it |

mod ban;
mod clause;
mod judge;
mod refuse;

pub use ban::Ban;
pub use clause::BanClause;
pub(crate) use judge::judge;
pub(crate) use refuse::refused;
