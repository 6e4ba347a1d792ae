//! The server's module API as C has it, and the memory that comes from it.
//!
//! | file | what it holds |
//! |---|---|
//! | `bindings` | types, constants and functions, as `make bindings` writes them |
//! | `allocator` | all memory of the module |

#[cfg_attr(test, allow(dead_code, reason = "the tests' own memory is the system's"))]
pub(super) mod allocator;
pub(crate) mod bindings;

pub(crate) use allocator::MOST_DEFRAGMENTED;
