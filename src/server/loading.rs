//! A start-up in progress, and what can be done in it.

use std::ffi::{CStr, c_int};

use redis_module::raw::{
    RedisModuleCtx, RedisModuleString, RedisModuleType, RedisModuleTypeMethods,
};

use super::api::api;
use super::argv::words_of;
use super::config::{self, FileArgument, Setting};
use super::events::{self, Listener};
use super::info::{self, Fields};
use super::register::{self, Refused, Registration};

/// A start-up in progress.
pub(crate) struct Loading {
    ctx: *mut RedisModuleCtx,
    argv: *mut *mut RedisModuleString,
    argc: c_int,
}

impl Loading {
    /// # Safety
    /// The arguments must be those that the server gave to the start-up, which must outlast this.
    pub(super) unsafe fn new(
        ctx: *mut RedisModuleCtx,
        argv: *mut *mut RedisModuleString,
        argc: c_int,
    ) -> Self {
        Self { ctx, argv, argc }
    }

    /// The arguments of loadmodule.
    fn arguments(&self) -> Vec<String> {
        // SAFETY: the server gave argc valid strings.
        let arguments = unsafe { words_of(self.argv, self.argc) };
        arguments.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// Makes `settings` known to the server, with what the arguments of loadmodule say as their
    /// defaults, reads the configuration file's lines for them, and then the file that an
    /// argument may name.
    pub(crate) fn register_settings(
        &self,
        settings: &'static [&'static Setting],
        file: FileArgument,
    ) -> Result<(), String> {
        // SAFETY: this is a start-up.
        unsafe { config::register(self.ctx, self.arguments().into_iter(), settings, file) }
    }

    /// Makes `listener` the one that is told of events.
    pub(crate) fn listen(&self, listener: Listener) {
        events::listen(listener);
    }

    /// Adds `INFO ratelimit` with `fields`, where the server lets modules add sections.
    pub(crate) fn publish_info(&self, fields: Fields) {
        // SAFETY: this is a start-up.
        unsafe { info::publish(self.ctx, fields) };
    }

    /// Declares a native type; null if the server does not accept it.
    pub(crate) fn declare_type(
        &self,
        name: &'static CStr,
        encoding_version: c_int,
        methods: &mut RedisModuleTypeMethods,
    ) -> *mut RedisModuleType {
        // SAFETY: ctx is valid during start-up; the server copies the methods and the name.
        unsafe { api!(CreateDataType(self.ctx, name.as_ptr(), encoding_version, methods)) }
    }

    /// Makes the ACL category `name`; false if the server knows no categories of modules.
    pub(crate) fn add_category(&self, name: &CStr) -> bool {
        // SAFETY: this is a start-up.
        unsafe { register::add_category(self.ctx, name) }
    }

    /// Makes a command.
    pub(crate) fn register(&self, command: &Registration<'_>) -> Result<(), Refused> {
        // SAFETY: this is a start-up.
        unsafe { register::register(self.ctx, command) }
    }
}
