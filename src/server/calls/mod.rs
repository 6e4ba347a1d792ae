//! Calls of commands: words in, reply out.
//!
//! | file | what it holds |
//! |---|---|
//! | `register` | commands with their documentation, ACL categories |
//! | `call` | one invocation of a command: its words, its clock, its reply, its effects |
//! | `answer` | integers as an answer, handed over in one piece |
//! | `lines` | integers as the lines of an answer |
//! | `pieces` | replies of the server's that answers are written over |
//! | `reply` | replies, one by one |
//! | `key` | one open key, typed |
//! | `memory` | whether there is memory, by the rule that a SET is held to |
//! | `acl` | what the current user may do, where the server itself does not ask |

pub(crate) mod acl;
pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod key;
mod lines;
pub(crate) mod memory;
pub(in crate::server) mod pieces;
pub(crate) mod register;
mod reply;
