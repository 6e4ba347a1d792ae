//! The commands: words in, reply out.
//!
//! | file | what it holds |
//! |---|---|
//! | `registration` | every command as the server and its users are told of it |
//! | `consuming` | the commands that charge: limits, leases, settling |
//! | `peek` | RL.PEEK |
//! | `top` | RL.TOP |
//! | `policy` | RL.POLICY |
//! | `apply` | RL.APPLY, the internal command that carries effects |
//! | `rights` | what a command asks of its user beside the right to run it |
//! | `steps` | what the commands that charge go through, from the clock to the reply |
//!
//! Each leans on those below it only.

mod apply;
mod consuming;
mod peek;
mod policy;
mod registration;
mod rights;
mod steps;
mod top;

pub(crate) use registration::register;
