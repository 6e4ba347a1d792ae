//! Worked examples: calls at given times, and what each is answered.
//!
//! A row is `(now, cost, [allowed, remaining, wait, reset], why)`. Times are in ms; a wait of -1
//! is "never". The numbers of the call stand above its rows.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::unwrap_used
)]

mod clock;
mod elsewhere;
mod expiry;
mod fixed;
mod key;
mod leaky;
mod limit;
mod log;
mod peek;
mod places;
mod receipts;
mod room;
mod sliding;
mod token;
