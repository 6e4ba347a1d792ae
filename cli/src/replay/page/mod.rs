//! The report as one page of HTML that refers to nothing outside itself.
//!
//! | file | what it is for |
//! |---|---|
//! | `page` | the whole page |
//! | `tables` | its tables |
//! | `plots` | what its plots show |
//! | `draw` | how a plot is drawn, as SVG |
//! | `scale` | where a value stands in a plot |

mod draw;
#[allow(clippy::module_inception)]
mod page;
mod plots;
mod scale;
mod tables;

pub(crate) use page::write;
