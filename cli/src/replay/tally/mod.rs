//! What happens to requests: decided for each candidate, counted for each client.
//!
//! | file | what it is for |
//! |---|---|
//! | `trial` | one candidate: what it decides, and who is refused |
//! | `peaks` | how fast clients are |
//! | `minutes` | counts over time |
//! | `seen` | what those who are refused look like |
//! | `tally` | all of it, request by request |

mod minutes;
mod peaks;
mod seen;
#[allow(clippy::module_inception)]
mod tally;
mod trial;

pub(crate) use minutes::Minutes;
pub(crate) use seen::Look;
pub(crate) use tally::Tally;
pub(crate) use trial::Trial;
