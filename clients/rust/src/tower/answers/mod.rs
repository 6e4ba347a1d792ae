//! What is answered: headers, and the bodies of refusals.

pub(crate) mod headers;
mod problem;
mod refusal;

pub use refusal::Refusal;
