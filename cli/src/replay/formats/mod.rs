//! How logs are written, and what their lines say.
//!
//! | file | what it is for |
//! |---|---|
//! | `field` | the names of what a line says |
//! | `record` | a line that was read, in any format |
//! | `row` | a line of words |
//! | `words` | the words of a line, some of them in quotes |
//! | `ncsa` | combined and common |
//! | `alb` | the log of Amazon's load balancer |
//! | `envoy` | the log of Envoy |
//! | `json` | lines of JSON, whatever their names are |
//! | `request_line` | `GET /path?query HTTP/1.1` |
//! | `time` | when it was |
//! | `detect` | which format a log has |

mod alb;
mod detect;
mod envoy;
mod field;
mod json;
mod ncsa;
mod record;
mod request_line;
mod row;
mod time;
mod words;

pub(crate) use detect::detect;
pub(crate) use field::Field;
pub(crate) use record::{Kind, Record};
pub(crate) use time::Clock;
