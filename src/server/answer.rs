//! Answers of integers, written here and handed to the server in one piece.
//!
//! The server takes some 240 instructions for each integer that it is given by itself. A reply
//! that another command gave to the module it passes on as it stands, for less than one integer
//! costs. So one such reply of each length is kept, and an answer is written over the bytes of the
//! one that is as long. Where there is none (very short ones, two lengths below [`LONGEST`], a
//! server that gave us none or was not read, or where this is switched off) the answer is handed
//! over line by line.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use redis_module::raw::{
    REDISMODULE_REPLY_ARRAY, REDISMODULE_REPLY_STRING, RedisModuleCallReply, RedisModuleCtx,
    RedisModuleString,
};

use super::api::{OK, api};
use super::call::Call;
use super::config::Setting;
use super::lines::{LONGEST, Lines};
use super::log;
use super::version::Version;

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
        // SAFETY: null, or what is never freed.
        let pieces = unsafe { IN_USE.load(Ordering::Relaxed).as_ref() };
        let sent = match pieces.and_then(|pieces| pieces.by_length.get(bytes.len())) {
            Some(Some(piece)) => piece.send(self.call, bytes),
            _ => false,
        };
        if !sent {
            self.lines.read(|kind, value| match kind {
                b'*' => self.call.reply_array(usize::try_from(value).unwrap_or(0)),
                _ => self.call.reply_integer(value),
            });
        }
        self.lines.clear();
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
    #[inline]
    fn send(&self, call: &Call<'_>, bytes: &[u8]) -> bool {
        debug_assert_eq!(self.len, bytes.len());
        // SAFETY: the reply is never freed, its bytes are `len` and the server's one thread is
        // the only one that comes here; the server copies them before it returns.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.bytes, self.len.min(bytes.len()));
            api!(ReplyWithCallReply(call.ctx, self.reply)) == OK
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
pub(super) fn fast_if(setting: &'static Setting) {
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
pub(super) fn is_fast() -> bool {
    !IN_USE.load(Ordering::Relaxed).is_null()
}

/// Has the server make the replies, if it is known to bear what is done with them. Without them
/// answers are the same, only dearer.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(super) unsafe fn prepare(ctx: *mut RedisModuleCtx) {
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
unsafe fn is(reply: *mut RedisModuleCallReply, kind: isize) -> bool {
    // SAFETY: the caller's promise.
    !reply.is_null() && isize::try_from(unsafe { api!(CallReplyType(reply)) }) == Ok(kind)
}
