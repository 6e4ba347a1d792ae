//! `replay`: what would yesterday's traffic have met?
//!
//! | file | what it is for |
//! |---|---|
//! | `candidate` | limits to try, read as the helpers read them |
//! | `words` | what the options say: keys, conditions, a share |

mod candidate;
mod words;

pub(crate) use candidate::Candidate;
pub(crate) use words::{Condition, KeyFields, Share};

use crate::args::ReplayArgs;
use crate::failure::Failure;

/// Replays logs against limits and reports what they would have met.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    Err(Failure::Could(format!("replay is not there yet: {args:?}")))
}
