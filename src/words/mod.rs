//! What the words of commands mean, and what is said where they mean nothing.
//!
//! | file | what it holds |
//! |---|---|
//! | `numbers` | integers: what each is called, and its range |
//! | `periods` | a number of seconds, or one with a suffix |
//! | `clauses` | the clauses of a call or a policy; as text |
//! | `endings` | `[COST n] [ID id [KEEP period]]`, or nothing more |
//! | `bounds` | how much policies and calls may hold |
//! | `error` | every error line |

pub(crate) mod bounds;
pub(crate) mod clauses;
pub(crate) mod endings;
pub(crate) mod error;
pub(crate) mod numbers;
pub(crate) mod periods;

pub(crate) use clauses::Clauses;
pub(crate) use endings::Ending;
pub(crate) use error::{Error, Quoted};
