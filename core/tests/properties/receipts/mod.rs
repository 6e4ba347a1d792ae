//! Charges with ids: answers, what is recorded, and what replicas and files make of it.

mod bytes;
mod key;
mod settling;
mod tokens;
