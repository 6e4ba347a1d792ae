//! What the options of `replay` say.

mod candidate;
mod condition;
mod key;
mod share;

pub(crate) use candidate::Candidate;
pub(crate) use condition::Condition;
pub(crate) use key::KeyFields;
pub(crate) use share::Share;
