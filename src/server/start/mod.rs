//! The start-up: what happens in it, in order, and what the server is told.
//!
//! | file | what it holds |
//! |---|---|
//! | `entry` | where the server enters the module |
//! | `load` | what happens at load, in order |
//! | `loading` | a start-up in progress, and what can be done in it |
//! | `info` | the section of INFO |

pub(crate) mod entry;
pub(crate) mod info;
pub(crate) mod load;
pub(crate) mod loading;
