//! A start-up in progress, and what can be done in it.

use super::info::{self, Fields};
use crate::server::argv::Words;
use crate::server::calls::pieces;
use crate::server::calls::register::{self, Refused, Registration};
use crate::server::config::{self, FileArgument, Setting};
use crate::server::native::{self, Native};
use crate::server::raw::bindings::RedisModuleCtx;
use crate::server::watch::events::{self, Listener};
use crate::server::watch::evictions;

/// A start-up in progress.
pub(crate) struct Loading<'a> {
    ctx: *mut RedisModuleCtx,
    /// The arguments of loadmodule.
    arguments: Words<'a>,
}

impl<'a> Loading<'a> {
    /// # Safety
    /// `ctx` must be that of a start-up, which must outlast this.
    pub(in crate::server) unsafe fn new(ctx: *mut RedisModuleCtx, arguments: Words<'a>) -> Self {
        Self { ctx, arguments }
    }

    /// Makes `settings` known to the server, with what the arguments of loadmodule say as their
    /// defaults, reads the configuration file's lines for them, and then the file that an
    /// argument may name.
    pub(crate) fn register_settings(
        &self,
        settings: &'static [&'static Setting],
        file: FileArgument,
    ) -> Result<(), String> {
        let arguments =
            self.arguments.clone().map(|word| String::from_utf8_lossy(word).into_owned());
        // SAFETY: this is a start-up.
        unsafe { config::register(self.ctx, arguments, settings, file) }
    }

    /// Makes the type of values that keys can hold; it says why if the server does not accept it.
    pub(crate) fn make_type<T: Native>(&self) -> Result<(), String> {
        // SAFETY: this is a start-up.
        unsafe { native::make_type::<T>(self.ctx) }
    }

    /// Makes `setting` the one that says whether answers are handed over in one piece.
    pub(crate) fn answer_fast_if(&self, setting: &'static Setting) {
        pieces::fast_if(setting);
    }

    /// Makes `setting` the one that says whether evictions are counted.
    pub(crate) fn count_evictions_if(&self, setting: &'static Setting) {
        evictions::count_if(setting);
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

    /// Makes the ACL category `name`; false if the server knows no categories of modules.
    pub(crate) fn add_category(&self, name: &str) -> bool {
        // SAFETY: this is a start-up.
        unsafe { register::add_category(self.ctx, name) }
    }

    /// Makes a command.
    pub(crate) fn register(&self, command: &Registration<'_>) -> Result<(), Refused> {
        // SAFETY: this is a start-up.
        unsafe { register::register(self.ctx, command) }
    }
}
