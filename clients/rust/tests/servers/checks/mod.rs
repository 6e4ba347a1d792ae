//! Checks without HTTP.

mod cell;
mod cluster;
mod concurrency;
mod peek;
mod policies;
mod verdicts;
mod worker;
