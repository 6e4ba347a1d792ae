//! What is counted.
//!
//! | file | what it holds |
//! |---|---|
//! | `count` | counts, and pairs of them: how often allowed, how often denied |
//! | `decisions` | decisions and errors, and what INFO shows of them |
//! | `denied` | the keys that are denied most |
//! | `top` | the table that finds those keys in bounded memory |

mod count;
mod decisions;
mod denied;
mod top;

pub(crate) use count::Decisions;
pub(crate) use decisions::{ERRORS, decided, fields};
pub(crate) use denied::{denied, resize_top, with_top};
