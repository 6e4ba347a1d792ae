//! What the words of commands mean, and what is said where they mean nothing.
//!
//! | file | what it holds |
//! |---|---|
//! | `numbers` | integers: what each is called, and its range |
//! | `periods` | a number of seconds, or one with a suffix |
//! | `clause` | one clause: a limit, or what there is beside limits; as text |
//! | `limits` | reading limits |
//! | `extras` | reading the clauses that are no limits |
//! | `clauses` | the clauses of a call or a policy, in order |
//! | `endings` | `[COST n] [ID id [KEEP period]]`, or nothing more |
//! | `bounds` | how much policies and calls may hold |
//! | `error` | every error line |

pub(crate) mod bounds;
pub(crate) mod clause;
pub(crate) mod clauses;
pub(crate) mod endings;
pub(crate) mod error;
pub(crate) mod extras;
pub(crate) mod limits;
pub(crate) mod numbers;
pub(crate) mod periods;

pub(crate) use clauses::Clauses;
pub(crate) use endings::Ending;
pub(crate) use error::{Error, Quoted};
