//! The helper against real servers with the real module; one concern per file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says by a panic what is wrong"
)]

mod charges;
mod checks;
mod failures;
mod http;
mod recipes;
mod support;
mod turns;
