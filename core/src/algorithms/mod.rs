//! The algorithms, a file each. None of them knows of another; `limiter` and `decide` make one
//! kind of limiter of them, by the table in `algorithm`.
//!
//! | file | what it holds |
//! |---|---|
//! | `standing` | what every algorithm can tell of a limiter at one moment |
//! | `state` | what every algorithm can tell of what it has recorded |
//! | `fixed` | FIXED |
//! | `sliding` | SLIDING |
//! | `log` | LOG |
//! | `entries` | the memory of a LOG |
//! | `bucket` | TOKEN and LEAKY |

pub mod bucket;
pub mod fixed;
pub mod log;
pub mod sliding;

mod entries;
mod standing;
mod state;

pub use entries::{Entries, Entry};
pub(crate) use standing::{Standing, judge};
pub(crate) use state::{Record, State, record};
