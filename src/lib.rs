//! redis-rl: rate limiting native to Redis and Valkey.
//!
//! The module as the server loads it; glue only. What a limiter means is in the crate `rl-core`.
//!
//! | to learn | read |
//! |---|---|
//! | what each command's words mean, and what it answers | `commands` |
//! | what can be set, and its defaults | `settings` |
//! | named policies | `policies` |
//! | what is counted | `metrics` |
//! | which keys are denied most | `top` |
//! | how a key's value is stored, copied and sent | `state` |
//! | how the server is talked to | `server` |
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod commands;
mod metrics;
mod policies;
mod server;
mod settings;
mod state;
mod top;

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
            loading.answer_fast_if(&settings::FAST_REPLIES);
            loading.count_evictions_if(&settings::COUNT_EVICTIONS);
            loading.register_settings(&settings::ALL, policies::lifetime::FILE_ARGUMENT)?;
            loading.listen(policies::lifetime::LISTENER);
            loading.publish_info(metrics::fields);
            state::declare(loading)?;
            commands::register(loading)
        })
    }
}
