//! Replies of the server's, one of each length, that answers are written over and passed on as.
//!
//! The server takes some 240 instructions for each integer that it is given by itself. A reply
//! that another command gave to the module it passes on as it stands, for less than one integer
//! costs. So one such reply of each length is kept, and an answer is written over the bytes of the
//! one that is as long. There is none for very short ones and for two lengths below [`LONGEST`], on
//! a server that gave us none or was not read, or where this is switched off.

use std::ffi::c_int;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::lines::LONGEST;
use crate::server::api::{OK, api};
use crate::server::config::Setting;
use crate::server::log;
use crate::server::raw::bindings::{
    REDISMODULE_REPLY_ARRAY, REDISMODULE_REPLY_STRING, RedisModuleCallReply, RedisModuleCtx,
    RedisModuleString,
};
use crate::server::version::Version;

/// Sends `bytes` over a reply that is as long. Whether it did; if not, nothing was sent.
///
/// # Safety
/// `ctx` must be that of a command.
#[inline]
pub(in crate::server) unsafe fn send(ctx: *mut RedisModuleCtx, bytes: &[u8]) -> bool {
    // SAFETY: null, or what is never freed; and the caller's promise.
    unsafe {
        let pieces = IN_USE.load(Ordering::Relaxed).as_ref();
        match pieces.and_then(|pieces| pieces.by_length.get(bytes.len())) {
            Some(Some(piece)) => piece.send(ctx, bytes),
            _ => false,
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
    /// Whether it was sent; if not, nothing was.
    ///
    /// # Safety
    /// `ctx` must be that of a command.
    #[inline]
    unsafe fn send(&self, ctx: *mut RedisModuleCtx, bytes: &[u8]) -> bool {
        debug_assert_eq!(self.len, bytes.len());
        // SAFETY: the reply is never freed, its bytes are `len` and the server's one thread is
        // the only one that comes here; the server copies them before it returns.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.bytes, self.len.min(bytes.len()));
            api!(ReplyWithCallReply(ctx, self.reply)) == OK
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

/// Whether it is wanted that answers are written over them.
static WANTED: OnceLock<&Setting> = OnceLock::new();

/// All that the server gave us.
static PIECES: OnceLock<Pieces> = OnceLock::new();

/// The same while it is wanted, else null. Read and written on the server's main thread only.
static IN_USE: AtomicPtr<Pieces> = AtomicPtr::new(ptr::null_mut());

/// Makes `setting` the one that says whether answers are handed over in one piece.
pub(in crate::server) fn fast_if(setting: &'static Setting) {
    let _ = WANTED.set(setting);
    setting.on_change(obey);
}

/// Uses the replies, or does not, as it is wanted.
fn obey() {
    let wanted = WANTED.get().is_some_and(|wanted| wanted.is_on());
    let pieces = PIECES.get().filter(|_| wanted);
    let pieces = pieces.map_or(ptr::null(), ptr::from_ref);
    IN_USE.store(pieces.cast_mut(), Ordering::Relaxed);
}

/// Whether answers are handed over in one piece.
pub(in crate::server) fn is_fast() -> bool {
    !IN_USE.load(Ordering::Relaxed).is_null()
}

/// Has the server make the replies, if it is known to bear what is done with them. Without them
/// answers are the same, only dearer.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(in crate::server) unsafe fn prepare(ctx: *mut RedisModuleCtx) {
    if !Version::of_server().is_some_and(Version::copies_replies) {
        log::notice("answers are written the plain way, since this server's version is not known");
        return;
    }
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
        obey();
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
    // SAFETY: the caller's promise; the format takes two C strings and an array of strings with
    // its length, all of which live until the call is over.
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

/// The strings that `whole` is made of; none if it is null or no array.
fn parts(whole: *mut RedisModuleCallReply) -> Vec<Piece> {
    let mut pieces = Vec::new();
    // SAFETY: the reply is live if it is not null, and what is not null is a part of it.
    unsafe {
        if !is(whole, REDISMODULE_REPLY_ARRAY) {
            return pieces;
        }
        for index in 0..LONGEST {
            let reply = api!(CallReplyArrayElement(whole, index));
            if !is(reply, REDISMODULE_REPLY_STRING) {
                break;
            }
            let mut len = 0;
            let bytes: *mut u8 = api!(CallReplyProto(reply, &raw mut len)).cast_mut().cast();
            if !bytes.is_null() {
                pieces.push(Piece { reply, bytes, len });
            }
        }
    }
    pieces
}

/// Whether a reply is of a kind; null is of none.
///
/// # Safety
/// `reply` must be null or live.
unsafe fn is(reply: *mut RedisModuleCallReply, kind: c_int) -> bool {
    // SAFETY: the caller's promise.
    !reply.is_null() && unsafe { api!(CallReplyType(reply)) } == kind
}
