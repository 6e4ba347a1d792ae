//! Answers of integers, written here and handed to the server in one piece where it can be.

use std::marker::PhantomData;

use super::lines::Lines;
use super::pieces;
use super::reply;
use crate::server::raw::bindings::RedisModuleCtx;

/// An answer in the making, as RESP2 and RESP3 both have it.
pub(crate) struct Answer<'call> {
    ctx: *mut RedisModuleCtx,
    lines: Lines,
    call: PhantomData<&'call ()>,
}

impl Answer<'_> {
    /// # Safety
    /// `ctx` must be that of a command, and outlast this.
    #[inline(always)]
    pub(in crate::server) unsafe fn new(ctx: *mut RedisModuleCtx) -> Self {
        Self { ctx, lines: Lines::new(), call: PhantomData }
    }

    /// Begins an array of `len` elements.
    #[inline(always)]
    pub(crate) fn array(&mut self, len: usize) {
        self.make_room();
        self.lines.put(b'*', len as u64);
    }

    /// Adds an integer.
    #[inline(always)]
    pub(crate) fn integer(&mut self, value: u64) {
        self.make_room();
        self.lines.put(b':', value);
    }

    /// Adds -1.
    #[inline(always)]
    pub(crate) fn minus_one(&mut self) {
        self.make_room();
        self.lines.put_minus_one(b':');
    }

    /// Adds a bulk string.
    pub(crate) fn bulk(&mut self, value: &str) {
        self.send();
        // SAFETY: ctx is that of a command.
        unsafe { reply::bulk(self.ctx, value.as_bytes()) };
    }

    #[inline(always)]
    fn make_room(&mut self) {
        if !self.lines.has_room() {
            self.send();
        }
    }

    /// Hands over what there is.
    #[inline(never)]
    pub(in crate::server) fn send(&mut self) {
        let bytes = self.lines.as_bytes();
        // SAFETY: ctx is that of a command.
        unsafe {
            if !pieces::send(self.ctx, bytes) {
                self.lines.read(|kind, value| match kind {
                    b'*' => reply::array(self.ctx, usize::try_from(value).unwrap_or(0)),
                    _ => reply::integer(self.ctx, value),
                });
            }
        }
        self.lines.clear();
    }
}
