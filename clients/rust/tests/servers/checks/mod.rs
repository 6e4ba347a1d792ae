//! Checks without HTTP.

mod all;
mod bans;
mod cell;
mod cluster;
mod concurrency;
mod peek;
mod places;
mod policies;
mod verdicts;
mod worker;
