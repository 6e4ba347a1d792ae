//! What must hold for every history of calls: against a slow reference, and by itself.
//!
//! `PROPTEST_CASES` asks for more cases than the few hundred of each property.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod alone;
mod broken;
mod crowd;
mod encoding;
mod extremes;
mod history;
mod likeness;
mod limits;
mod places;
mod receipts;
#[path = "../reference/mod.rs"]
mod reference;
mod replicas;
mod server;
mod sizes;

use proptest::test_runner::Config;

/// As many cases as `PROPTEST_CASES` says, or else `default`.
fn cases(default: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config { max_shrink_iters: 2_000, ..Config::with_cases(asked.unwrap_or(default)) }
}
