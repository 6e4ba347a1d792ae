//! Charges with ids: answers, what is recorded, and what replicas and files make of it.

mod bytes;
pub(crate) mod key;
mod settling;
mod tokens;
