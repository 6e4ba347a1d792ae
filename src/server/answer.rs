//! Answers of integers, written here and handed to the server in one piece.
//!
//! The server takes some 240 instructions for each integer that it is given by itself. A reply
//! that another command gave to the module it passes on as it stands, for less than one integer
//! costs. So one such reply of each length is kept, and an answer is written over the bytes of the
//! one that is as long. Where there is none (very short ones, two lengths below
//! [`LONGEST`], or a server that gave us none) the answer is handed over line by line.

use std::sync::OnceLock;
use std::{ptr, str};

use redis_module::raw::{RedisModuleCallReply, RedisModuleCtx, RedisModuleString};

use super::api::api;
use super::call::Call;
use super::lines::{LONGEST, Lines};
use super::log;

/// An answer in the making, as RESP2 and RESP3 both have it.
pub(crate) struct Answer<'a> {
    call: &'a Call<'a>,
    lines: Lines,
}

impl<'a> Answer<'a> {
    #[inline(always)]
    pub(super) fn new(call: &'a Call<'_>) -> Self {
        Self { call, lines: Lines::new() }
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
        self.call.reply_bulk(value);
    }

    #[inline(always)]
    fn make_room(&mut self) {
        if !self.lines.has_room() {
            self.send();
        }
    }

    /// Hands over what there is.
    #[inline(never)]
    pub(super) fn send(&mut self) {
        let bytes = self.lines.as_bytes();
        match PIECES.get().and_then(|pieces| pieces.by_length.get(bytes.len())) {
            Some(Some(piece)) => piece.send(self.call, bytes),
            _ => line_by_line(self.call, bytes),
        }
        self.lines.clear();
    }
}

#[cold]
fn line_by_line(call: &Call<'_>, bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        if let [kind, digits @ .., b'\r'] = line {
            let value = str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            let value: i64 = value.unwrap_or(0);
            match kind {
                b'*' => call.reply_array(usize::try_from(value).unwrap_or(0)),
                _ => call.reply_integer(value),
            }
        }
    }
}

/// A reply that the server gave us, and keeps for us.
struct Piece {
    reply: *mut RedisModuleCallReply,
    bytes: *mut u8,
    len: usize,
}

impl Piece {
    #[inline]
    fn send(&self, call: &Call<'_>, bytes: &[u8]) {
        debug_assert_eq!(self.len, bytes.len());
        // SAFETY: the reply is never freed, its bytes are `len` and the server's one thread is
        // the only one that comes here; the server copies them before it returns.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.bytes, self.len.min(bytes.len()));
            api!(ReplyWithCallReply(call.ctx, self.reply));
        }
    }
}

struct Pieces {
    by_length: [Option<Piece>; LONGEST + 1],
    /// The reply that all of them are parts of, and would be freed with.
    _whole: *mut RedisModuleCallReply,
}

// SAFETY: only the server's one thread, which runs all commands, uses what is behind the pointers.
unsafe impl Send for Pieces {}
// SAFETY: as above.
unsafe impl Sync for Pieces {}

static PIECES: OnceLock<Pieces> = OnceLock::new();

/// Has the server make the replies. Without them answers are the same, only dearer.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(super) unsafe fn prepare(ctx: *mut RedisModuleCtx) {
    // SAFETY: the caller's promise.
    let whole = unsafe { ask_for_all_lengths(ctx) };
    let mut by_length = [const { None }; LONGEST + 1];
    let mut found = false;
    for piece in parts(whole) {
        if let Some(place) = by_length.get_mut(piece.len) {
            *place = Some(piece);
            found = true;
        }
    }
    if found {
        let _ = PIECES.set(Pieces { by_length, _whole: whole });
        return;
    }
    log::notice("COMMAND GETKEYS does not answer; limiters do, at a tenth more of the cost");
    if !whole.is_null() {
        // SAFETY: nothing points to it or into it.
        unsafe { api!(FreeCallReply(whole)) };
    }
}

/// Asks which of the words of an MGET are keys: the answer is all of them, each a reply by itself.
/// Null if there is no answer.
///
/// # Safety
/// `ctx` must be that of a start-up.
unsafe fn ask_for_all_lengths(ctx: *mut RedisModuleCtx) -> *mut RedisModuleCallReply {
    // SAFETY: the caller's promise; the format takes two C strings and an array of strings with its length, all of which
    // live until the call is over.
    unsafe {
        let filler = [b' '; LONGEST];
        let mut words: Vec<*mut RedisModuleString> =
            (0..LONGEST).map(|len| api!(CreateString(ctx, filler.as_ptr().cast(), len))).collect();
        let (name, format) = (c"COMMAND".as_ptr(), c"ccv".as_ptr());
        let (getkeys, mget) = (c"GETKEYS".as_ptr(), c"MGET".as_ptr());
        let all = api!(Call(ctx, name, format, getkeys, mget, words.as_mut_ptr(), words.len()));
        words.into_iter().for_each(|word| api!(FreeString(ctx, word)));
        all
    }
}

/// The replies that `whole` is made of; none if it is null or no array.
fn parts(whole: *mut RedisModuleCallReply) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if whole.is_null() {
        return pieces;
    }
    for index in 0..LONGEST {
        // SAFETY: the reply is live, and what is not null is a part of it.
        unsafe {
            let reply = api!(CallReplyArrayElement(whole, index));
            if reply.is_null() {
                break;
            }
            let mut len = 0;
            let bytes = api!(CallReplyProto(reply, &raw mut len)).cast_mut().cast();
            pieces.push(Piece { reply, bytes, len });
        }
    }
    pieces
}
