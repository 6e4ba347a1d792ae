//! What is answered: headers, and the bodies of refusals.

pub(crate) mod headers;
pub(crate) mod members;
pub(crate) mod policy_line;
mod problem;
mod refusal;

pub use refusal::Refusal;
