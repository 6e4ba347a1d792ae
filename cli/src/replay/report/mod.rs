//! What is reported, and in which forms.
//!
//! | file | what it is for |
//! |---|---|
//! | `report` | the figures, as all forms have them |
//! | `spread` | percentiles of peaks |
//! | `text` | as text |
//! | `json` | as JSON |
//! | `csv` | those who are refused, as CSV |

mod csv;
mod json;
#[allow(clippy::module_inception)]
mod report;
mod spread;
mod text;

pub(crate) use csv::write as write_csv;
pub(crate) use json::print as print_json;
pub(crate) use report::{Client, Report, Speed, Tried};
pub(crate) use spread::above;
pub(crate) use text::{ESTIMATE, print as print_text, skipped};
