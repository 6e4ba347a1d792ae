//! The native type: what a key holds, as the server stores, copies and sends it.
//!
//! | file | what it holds |
//! |---|---|
//! | `native_type` | the type's declaration |
//! | `callbacks` | what the server calls for it |
//! | `codec` | all that a key holds, as bytes |
//! | `effect` | what a call sends to replicas and the AOF |
//! | `samples` | arbitrary limiters, for the tests |
//! | `tests` | keys with receipts: saved, loaded, sent, and applied where they arrive |

mod callbacks;
mod codec;
mod effect;
mod native_type;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub(crate) use effect::{Applied, COMMAND, Effect, Outgoing};
pub(crate) use native_type::declare;
