//! What words of the command line say.

mod address;
mod candidate;
mod condition;
mod key;
mod share;

pub(crate) use address::Address;
pub(crate) use candidate::Candidate;
pub(crate) use condition::Condition;
pub(crate) use key::KeyFields;
pub(crate) use share::Share;
