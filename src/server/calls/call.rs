//! One invocation of a command.

use std::ffi::{CStr, CString, c_int};
use std::{ptr, slice};

use rl_core::Now;

use super::answer::Answer;
use super::memory::{self, OutOfMemory};
use super::register::KeyUse;
use super::reply;
use crate::server::api::{ERR, OK, api};
use crate::server::argv::{Words, bytes_of};
use crate::server::clock;
use crate::server::guard::guard;
use crate::server::raw::bindings::{
    REDISMODULE_NOTIFY_GENERIC, REDISMODULE_NOTIFY_MODULE, RedisModuleCtx, RedisModuleString,
};
use crate::server::watch::audience;
use crate::server::watch::events;

/// What a command that cannot be carried out answers.
pub(crate) trait Refusal {
    /// The error line, with its code first and no dash before it.
    fn to_line(&self) -> String;

    /// Counts it.
    fn count(&self);
}

/// One invocation: the words as they came, borrowed for as long as it lasts.
pub(crate) struct Call<'call> {
    pub(in crate::server) ctx: *mut RedisModuleCtx,
    argv: &'call [*mut RedisModuleString],
    name: &'static CStr,
    /// The key that it is about, as the string that the server holds; null if there is none.
    key: *mut RedisModuleString,
}

impl<'call> Call<'call> {
    /// All words after the command's name, for commands without a key.
    pub(crate) fn all_words(&self) -> Words<'call> {
        Words::of(self.argv.get(1..).unwrap_or_default())
    }

    /// The key's name.
    #[inline]
    pub(crate) fn key_bytes(&self) -> &'call [u8] {
        if self.key.is_null() {
            return &[];
        }
        // SAFETY: the key's name is a valid string for as long as the call lasts.
        unsafe { bytes_of(self.key) }
    }

    /// The words after the first key.
    #[inline(always)]
    pub(crate) fn words(&self) -> Words<'call> {
        Words::of(self.argv.get(2..).unwrap_or_default())
    }

    /// The key, as the string that the server holds; null only if there is none.
    #[inline]
    pub(in crate::server) fn key_name(&self) -> *mut RedisModuleString {
        self.key
    }

    /// This call as one about the key that is next in `words`, which are what is left of its own;
    /// nothing if none is left.
    pub(crate) fn at_next(&self, words: &mut Words<'call>) -> Option<Self> {
        let place = self.place_of_next(words);
        words.next()?;
        Some(Self { key: *self.argv.get(place)?, ..*self })
    }

    /// Whether the server only asks where in the call the keys are: nothing is to be done then, and
    /// nothing to be answered.
    pub(crate) fn is_question_for_keys(&self) -> bool {
        // SAFETY: ctx is valid for the call.
        unsafe { api!(IsKeysPositionRequest(self.ctx)) != 0 }
    }

    /// Tells the server, which asked for it, that the word that is next in `words` is a key which
    /// the command updates.
    pub(crate) fn tell_key(&self, words: &Words<'call>) {
        let place = c_int::try_from(self.place_of_next(words)).unwrap_or(0);
        // SAFETY: ctx is that of a question for keys, and the place is one of a word.
        unsafe { api!(KeyAtPosWithFlags(self.ctx, place, KeyUse::Update.flags())) };
    }

    /// Where the next of `words`, which are what is left of this call's, stands among all.
    fn place_of_next(&self, words: &Words<'call>) -> usize {
        self.argv.len().saturating_sub(words.left())
    }

    /// The server's wall clock: to be read once per call.
    #[inline]
    pub(crate) fn now(&self) -> Now {
        clock::now()
    }

    /// Answers the arrays and integers that `write` adds.
    #[inline(always)]
    pub(crate) fn answer(&self, write: impl FnOnce(&mut Answer<'_>)) {
        // SAFETY: ctx is valid for the call.
        let mut answer = unsafe { Answer::new(self.ctx) };
        write(&mut answer);
        answer.send();
    }

    /// Begins an answer of `len` elements.
    #[inline]
    pub(crate) fn reply_array(&self, len: usize) {
        // SAFETY: ctx is valid for the call.
        unsafe { reply::array(self.ctx, len) };
    }

    /// Answers an integer.
    #[inline]
    pub(crate) fn reply_integer(&self, value: i64) {
        // SAFETY: ctx is valid for the call.
        unsafe { reply::integer(self.ctx, value) };
    }

    /// Answers a bulk string.
    pub(crate) fn reply_bulk(&self, value: impl AsRef<[u8]>) {
        // SAFETY: ctx is valid for the call.
        unsafe { reply::bulk(self.ctx, value.as_ref()) };
    }

    /// Answers that there is nothing.
    pub(crate) fn reply_null(&self) {
        // SAFETY: ctx is valid for the call.
        unsafe { api!(ReplyWithNull(self.ctx)) };
    }

    /// Answers a simple string.
    pub(crate) fn reply_simple(&self, value: &CStr) {
        // SAFETY: ctx is valid for the call; the server copies the string.
        unsafe { api!(ReplyWithSimpleString(self.ctx, value.as_ptr())) };
    }

    #[cold]
    fn reply_error(&self, line: &str) {
        let line = CString::new(line).unwrap_or_else(|_| c"ERR internal error".into());
        // SAFETY: ctx is valid for the call; the server copies the string.
        unsafe { api!(ReplyWithError(self.ctx, line.as_ptr())) };
    }

    /// Tells watchers, caches and subscribers that the key was changed by this command.
    #[inline(always)]
    pub(crate) fn signal_change(&self) {
        // SAFETY: ctx and the key's name are valid for the call.
        unsafe {
            api!(SignalModifiedKey(self.ctx, self.key_name()));
        }
        self.notify(self.name);
    }

    /// Tells subscribers of keyspace events that `event` befell the key.
    #[inline(always)]
    pub(crate) fn notify(&self, event: &'static CStr) {
        self.notify_as(REDISMODULE_NOTIFY_MODULE, event);
    }

    /// Tells them that the key is gone.
    pub(crate) fn notify_deletion(&self) {
        self.notify_as(REDISMODULE_NOTIFY_GENERIC, c"del");
    }

    #[inline(always)]
    fn notify_as(&self, class: c_int, event: &'static CStr) {
        // SAFETY: ctx and the key's name are valid for the call, the event's name for ever.
        unsafe {
            api!(NotifyKeyspaceEvent(self.ctx, class, event.as_ptr(), self.key_name()));
        }
    }

    /// Sends `command key payload` to replicas and the AOF in place of this command, if anybody
    /// may listen.
    #[inline(always)]
    pub(crate) fn replicate<P: AsRef<[u8]>>(
        &self,
        command: &'static CStr,
        payload: impl FnOnce() -> P,
    ) {
        if audience::may_listen() {
            self.replicate_instead(command, payload);
        } else {
            // Counts as a change since the last save, and is dropped.
            self.replicate_verbatim();
        }
    }

    #[inline(never)]
    fn replicate_instead<P: AsRef<[u8]>>(
        &self,
        command: &'static CStr,
        payload: impl FnOnce() -> P,
    ) {
        let payload = payload();
        let payload = payload.as_ref();
        let (bytes, len) = (payload.as_ptr(), payload.len());
        // SAFETY: "sb" takes a string, by reference, and a buffer with its length, copied.
        unsafe {
            api!(Replicate(self.ctx, command.as_ptr(), c"sb".as_ptr(), self.key_name(), bytes, len))
        };
    }

    /// Sends this command as it came to replicas and the AOF.
    #[inline]
    pub(crate) fn replicate_verbatim(&self) {
        // SAFETY: ctx is valid for the call.
        unsafe { api!(ReplicateVerbatim(self.ctx)) };
    }

    /// Tells replicas and the AOF what they have yet to be told, before this command tells its own.
    pub(crate) fn catch_up(&self) {
        // SAFETY: ctx is valid for the call.
        unsafe { events::hand_on(self.ctx) };
    }

    /// Whether there is memory for something new, by the rule that a SET is held to.
    #[inline]
    pub(crate) fn check_memory(&self) -> Result<(), OutOfMemory> {
        // SAFETY: ctx is that of this command.
        unsafe { memory::check(self.ctx) }
    }

    /// Whether it is the module itself that calls, and asks.
    pub(in crate::server) fn is_own_question(&self) -> bool {
        memory::is_asking()
    }
}

/// Runs `body` as the command `name`: answers its refusal, and an error if it panics.
///
/// # Safety
/// The arguments must be those that the server gives to a command.
#[inline]
pub(crate) unsafe fn enter<R: Refusal>(
    ctx: *mut RedisModuleCtx,
    argv: *mut *mut RedisModuleString,
    argc: c_int,
    name: &'static CStr,
    body: impl FnOnce(&Call<'_>) -> Result<(), R>,
) -> c_int {
    // SAFETY: the server gives argc valid strings, the command's name at least.
    let argv = unsafe { slice::from_raw_parts(argv, usize::try_from(argc).unwrap_or(0)) };
    let call = Call { ctx, argv, name, key: argv.get(1).copied().unwrap_or(ptr::null_mut()) };
    let done = guard(false, || {
        if let Err(refusal) = body(&call) {
            refusal.count();
            call.reply_error(&refusal.to_line());
        }
        true
    });
    if !done {
        guard((), || call.reply_error("ERR internal error, see the server's log"));
    }
    if done { OK } else { ERR }
}

/// The entry for the server into a function of [`Call`].
macro_rules! entry {
    ($name:expr, $run:expr) => {{
        unsafe extern "C" fn entry(
            ctx: *mut $crate::server::raw::bindings::RedisModuleCtx,
            argv: *mut *mut $crate::server::raw::bindings::RedisModuleString,
            argc: std::ffi::c_int,
        ) -> std::ffi::c_int {
            // SAFETY: the server calls this with a command's arguments.
            unsafe { $crate::server::calls::call::enter(ctx, argv, argc, $name, $run) }
        }
        $crate::server::calls::register::Entry::new(entry)
    }};
}
pub(crate) use entry;
