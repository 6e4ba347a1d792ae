//! Every command as the server and its users are told of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `register` | the rows, as the server is told of them |
//! | `table` | every command: one row feeds registration, COMMAND DOCS, RL.HELP and syntax lines |
//! | `row` | what a row says, and what is derived from it: flags, arity, syntax |
//! | `arguments` | what these rows say of arguments |
//! | `about` | RL.HELP, RL.VERSION |

mod about;
mod arguments;
mod register;
mod row;
mod table;

pub(crate) use register::register;
