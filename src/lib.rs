//! redis-rl: rate limiting native to Redis and Valkey.
//!
//! The module as the server loads it; glue only. What a limiter means is in the crate `rl-core`.
//!
//! | to learn | read |
//! |---|---|
//! | what each command does, and what it answers | `commands` |
//! | how a key's value is stored, copied and sent | `state` |
//! | named policies | `policies` |
//! | what the words of commands mean, and every error line | `words` |
//! | what is counted | `metrics` |
//! | what can be set, and its defaults | `settings` |
//! | how the server is talked to | `server` |
//!
//! Each leans on those below it only.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod commands;
mod metrics;
mod policies;
mod server;
mod settings;
mod state;
mod words;

use std::ffi::CStr;

use server::Loading;
use server::start::entry::{Module, export};

/// The module's name, its ACL category, and the name of its type.
const NAME: &str = match C_NAME.to_str() {
    Ok(name) => name,
    Err(_) => "",
};
const C_NAME: &CStr = c"ratelimit";

/// The module's version, as RL.VERSION answers it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The same as MODULE LIST shows it: 1.2.3 is 10203.
const VERSION_NUMBER: i32 = 100;

export!(Module { name: C_NAME, version: VERSION_NUMBER, start });

/// Where the server begins; it says why if it cannot.
fn start(loading: &Loading<'_>) -> Result<(), String> {
    state::declare(loading)?;
    settings::TOP_SIZE.on_change(metrics::resize_top);
    loading.answer_fast_if(&settings::FAST_REPLIES);
    loading.count_evictions_if(&settings::COUNT_EVICTIONS);
    loading.register_settings(&settings::ALL, policies::lifetime::FILE_ARGUMENT)?;
    loading.listen(policies::lifetime::LISTENER);
    loading.publish_info(info);
    commands::register(loading)
}

/// What INFO shows, in order. The report of a crash goes without the policies, since what crashed
/// may have been changing them.
fn info(for_crash_report: bool, field: server::Field<'_>) {
    metrics::fields(field);
    if !for_crash_report {
        policies::fields(field);
    }
}
