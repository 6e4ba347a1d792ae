//! Safe handles over the raw module API.
//!
//! With `state/callbacks.rs`, the only unsafe code of the module: whoever calls what is here
//! needs to know nothing of pointers.
//!
//! | file | what it holds |
//! |---|---|
//! | `api` | calling a function of the server, and which must exist for the module to load |
//! | `argv` | words as the server gives them |
//! | `call` | one invocation of a command: its words, its clock, its reply, its effects |
//! | `answer` | integers as an answer, handed over in one piece |
//! | `pieces` | replies of the server's that answers are written over |
//! | `reply` | replies, one by one |
//! | `lines` | integers as the lines of an answer |
//! | `key` | one open key, typed |
//! | `native` | what the server can keep at keys |
//! | `memory` | whether there is memory, by the rule that a SET is held to |
//! | `guard` | no panic gets out |
//! | `scripts` | what a script may still write when memory is full |
//! | `register` | commands with their documentation, ACL categories |
//! | `load` | what happens at load, in order |
//! | `loading` | a start-up in progress, and what can be done in it |
//! | `audience` | whether anybody can hear an effect |
//! | `config` | settings: CONFIG and the arguments of loadmodule |
//! | `events` | loads, rewrites and links, for whoever asks; what is told between commands |
//! | `evictions` | counting the module's keys that the server evicts |
//! | `rewrite` | what a rewritten AOF holds beside the keys |
//! | `role` | whether this server is a primary |
//! | `exclusive` | a value that is never waited for |
//! | `info` | the section of INFO |
//! | `acl` | what the current user may do, where the server itself does not ask |
//! | `stats` | numbers that the server tells of itself in INFO |
//! | `log` | lines in the server's log |
//! | `version` | which server this is, and what is known of it |
//! | `valkey` | what only Valkey has |

pub(crate) mod acl;
mod answer;
pub(crate) mod api;
mod argv;
mod audience;
pub(crate) mod call;
pub(crate) mod config;
pub(crate) mod events;
pub(crate) mod evictions;
pub(crate) mod exclusive;
pub(crate) mod guard;
mod info;
pub(crate) mod key;
mod lines;
pub(crate) mod load;
mod loading;
pub(crate) mod log;
mod memory;
mod native;
mod pieces;
pub(crate) mod register;
mod reply;
pub(crate) mod rewrite;
mod role;
mod scripts;
mod stats;
mod valkey;
mod version;

pub(crate) use answer::Answer;
pub(crate) use argv::Words;
pub(crate) use call::Call;
pub(crate) use info::Field;
pub(crate) use key::{Key, WrongType};
pub(crate) use loading::Loading;
pub(crate) use memory::OutOfMemory;
pub(crate) use native::Native;
