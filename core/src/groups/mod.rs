//! How a call is decided that asks for more than limits, or asks several keys.
//!
//! | file | what it holds |
//! |---|---|
//! | `group` | what a call asks of one key |
//! | `outcome` | its answer, and what to record there |
//! | `more` | what there is to it beside limits |
//! | `leased` | the part of a LEASE |
//! | `barred` | the part of a BAN |
//! | `tried` | the part of SHADOWs |
//! | `all` | how a call on several keys is decided |
//! | `refused` | why a call is refused that no limit denies |

mod all;
mod barred;
mod group;
mod leased;
mod more;
mod outcome;
mod refused;
mod tried;

pub use all::decide_all;
pub use group::{Charge, Group};
pub use outcome::GroupOutcome;
pub use refused::Refused;
pub use tried::Trial;
