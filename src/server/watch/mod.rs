//! What the server tells between commands, and what follows from it.
//!
//! | file | what it holds |
//! |---|---|
//! | `events` | loads, rewrites and links, for whoever asks; what is told between commands |
//! | `audience` | whether anybody can hear an effect |
//! | `evictions` | counting the module's keys that the server evicts |
//! | `rewrite` | what a rewritten AOF holds beside the keys |
//! | `scripts` | what a script may still write when memory is full |

pub(in crate::server) mod audience;
pub(crate) mod events;
pub(crate) mod evictions;
pub(crate) mod rewrite;
pub(in crate::server) mod scripts;
