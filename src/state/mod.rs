//! The native type: what a key holds, as the server stores, copies and sends it.
//!
//! | file | what it holds |
//! |---|---|
//! | `native_type` | the type's declaration |
//! | `callbacks` | what the server calls for it |
//! | `codec` | limiters and changes as bytes |
//! | `bytes` | integers of any width, written and read |
//! | `effect` | what a call sends to replicas and the AOF |
//! | `samples` | arbitrary limiters, for the tests |

mod bytes;
mod callbacks;
mod codec;
mod effect;
mod native_type;
#[cfg(test)]
mod samples;

pub(crate) use effect::{COMMAND, Effect, Outgoing};
pub(crate) use native_type::declare;
