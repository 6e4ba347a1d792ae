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

use std::ffi::{CStr, c_int};

use redis_module::raw::{RedisModuleCtx, RedisModuleString};

/// The module's name, its ACL category, and the name of its type.
const TYPE_NAME: &CStr = c"ratelimit";

/// The module's version, as RL.VERSION answers it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The same as MODULE LIST shows it: 1.2.3 is 10203.
const VERSION_NUMBER: c_int = 100;

/// All memory is the server's, so that it is counted, limited and defragmented with the rest.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: redis_module::alloc::RedisAlloc = redis_module::alloc::RedisAlloc;

/// What INFO shows, in order. The report of a crash goes without the policies, since what crashed
/// may have been changing them.
fn info(for_crash_report: bool, field: server::Field<'_>) {
    metrics::fields(field);
    if !for_crash_report {
        policies::fields(field);
    }
}

/// Where the server begins.
///
/// # Safety
/// Only the server may call this, with the arguments that it gives to a module's start-up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RedisModule_OnLoad(
    ctx: *mut RedisModuleCtx,
    argv: *mut *mut RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server gives a valid context.
    unsafe {
        server::load::load(ctx, argv, argc, TYPE_NAME, VERSION_NUMBER, |loading| {
            settings::TOP_SIZE.on_change(metrics::resize_top);
            loading.register_settings(&settings::ALL, policies::lifetime::FILE_ARGUMENT)?;
            loading.listen(policies::lifetime::LISTENER);
            loading.publish_info(info);
            state::declare(loading)?;
            commands::register(loading)
        })
    }
}
