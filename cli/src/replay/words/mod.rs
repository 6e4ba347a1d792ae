//! What the options of `replay` say.

mod condition;
mod key;
mod share;

pub(crate) use condition::Condition;
pub(crate) use key::KeyFields;
pub(crate) use share::Share;
