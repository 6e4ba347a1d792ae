//! The decisions of redis-rl, and nothing else.
//!
//! Everything that a limiter means is here: pure functions of what is recorded, what is asked,
//! and what time it is. Integers only; no clock, no I/O, no unsafe code, no panic.
//!
//! | to learn | read |
//! |---|---|
//! | what a call asks | [`Clause`] |
//! | what it is told | [`Verdict`] |
//! | how a call is decided | [`decide`], which answers an [`Outcome`] |
//! | what a key holds | [`Limiters`], a set of [`Limiter`] |
//! | how a call is decided that asks for more, or asks several keys | [`Group`], [`GroupOutcome`], [`decide_all`] |
//! | what is recorded beside limiters | [`Holdings`], [`Note`] |
//! | what a call turns out to have cost | [`Limiters::settlement`] |
//! | how leases are renewed and released | [`Limiters::renewals`], [`Limiters::releases`] |
//! | what stands at a key | [`peek`], [`rows`] |
//! | which algorithms there are | the table in `algorithm`: [`Algorithm`] |
//! | one algorithm | its file in [`algorithms`] |
//! | how state is written as bytes | [`bytes`] |
//! | every bound | [`bounds`] |
//!
//! ```
//! use rl_core::{Clause, Limiters, Now, decide};
//!
//! let clause = Clause::fixed(2, 60_000);
//! let now = Now::from_unix_ms(1_000);
//!
//! let first = decide::<1>(None, &[clause], 1, now).unwrap();
//! assert!(first.allowed);
//! assert_eq!(first.verdicts[0].remaining, 1);
//!
//! let stored = Limiters::from_changes(first.changes(), now);
//! let refused = decide::<1>(stored.as_ref(), &[clause], 2, now).unwrap();
//! assert!(!refused.allowed);
//! assert_eq!(refused.changes().count(), 0);
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation))]

pub mod algorithms;
pub mod bounds;
pub mod bytes;
pub mod packed;

mod algorithm;
mod bans;
mod clause;
mod decide;
mod expiry;
mod groups;
mod holdings;
mod ids;
mod leases;
mod limiter;
mod limiters;
mod math;
mod now;
mod outcome;
mod peek;
mod queue;
mod receipts;
mod relocate;
mod shadows;
mod unused;
mod verdict;

pub use algorithm::Algorithm;
pub use bans::{Ban, BanClause};
pub use clause::Clause;
pub use decide::decide;
pub use groups::{Charge, Group, GroupOutcome, Refused, Trial, decide_all};
pub use holdings::{Dropped, Holdings, Item, Note};
pub use ids::ChargeId;
pub use leases::{LeaseAsk, LeaseClause};
pub use limiter::{Change, Limiter};
pub use limiters::Limiters;
pub use now::Now;
pub use outcome::{Outcome, TooManyLimiters};
pub use peek::{Peeked, Row, peek, rows};
pub use receipts::{NewReceipt, Settlement};
pub use relocate::Relocate;
pub use verdict::{Verdict, Wait};
