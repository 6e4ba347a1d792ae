//! Safe handles over the raw module API.
//!
//! With `state/callbacks.rs`, the only unsafe code of the module: whoever calls what is here
//! needs to know nothing of pointers.
//!
//! | file | what it holds |
//! |---|---|
//! | `start` | the start-up: what happens in it, in order, and what the server is told |
//! | `calls` | calls of commands: words in, reply out |
//! | `watch` | what the server tells between commands, and what follows from it |
//! | `config` | settings: CONFIG and the arguments of loadmodule |
//! | `argv` | words as the server gives them |
//! | `clock` | the server's wall clock |
//! | `native` | what the server can keep at keys |
//! | `raw` | the module API as C has it, and the memory that comes from it |
//! | `api` | calling a function of the server, and which must exist for the module to load |
//! | `guard` | no panic gets out |
//! | `log` | lines in the server's log |
//! | `exclusive` | a value that is never waited for |
//! | `role` | whether this server is a primary, and whether it loads |
//! | `stats` | numbers that the server tells of itself in INFO |
//! | `version` | which server this is, and what is known of it |
//! | `valkey` | what only Valkey has |

pub(crate) mod api;
mod argv;
pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod exclusive;
pub(crate) mod guard;
pub(crate) mod log;
mod native;
pub(crate) mod raw;
pub(crate) mod role;
pub(crate) mod start;
mod stats;
mod valkey;
mod version;
pub(crate) mod watch;

pub(crate) use argv::Words;
pub(crate) use calls::answer::Answer;
pub(crate) use calls::call::Call;
pub(crate) use calls::key::{Key, WrongType};
pub(crate) use calls::memory::OutOfMemory;
pub(crate) use native::Native;
pub(crate) use start::info::Field;
pub(crate) use start::loading::Loading;
