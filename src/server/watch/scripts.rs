//! What a script may still write when memory is full, by the rule that a SET in it is held to.
//!
//! The server refuses a SET in a script only if memory was full when the script began, the script
//! came without flags, and it has called no write command yet. (One with flags began either with
//! memory to spare or with `allow-oom`.) The server tells modules none of this. So while memory is
//! nearly full, and only then, the module watches the commands go by: which script was begun, and
//! what it has called. Of scripts within a transaction that is not known, and they are taken for
//! ones without flags.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::server::api::{api, pointers};
use crate::server::argv::bytes_of;
use crate::server::guard::guard;
use crate::server::raw::bindings::{
    REDISMODULE_CMDFILTER_NOSELF, REDISMODULE_CTX_FLAGS_EVICT, REDISMODULE_CTX_FLAGS_LUA,
    REDISMODULE_CTX_FLAGS_MULTI, RedisModuleCallReply, RedisModuleCommandFilter,
    RedisModuleCommandFilterCtx, RedisModuleCtx, RedisModuleString,
};

/// From which part of `maxmemory` on commands are watched.
const NEARLY_FULL: f32 = 0.9;

/// Longest word of a command that is kept, and most commands.
const LONGEST_WORD: usize = 64;
const MOST_CALLS: usize = 256;

/// What watches; null if nothing does. Used on the server's main thread only.
static FILTER: AtomicPtr<RedisModuleCommandFilter> = AtomicPtr::new(ptr::null_mut());

/// The script that a client began last, if its last command was one.
#[derive(Default)]
struct Script {
    kind: Kind,
    /// The commands that it has called before the last one, and that one.
    called: Vec<Called>,
    calling: Vec<Called>,
}

#[derive(PartialEq)]
struct Called {
    name: Vec<u8>,
    /// How many words it came with.
    words: c_int,
}

#[derive(Default, PartialEq)]
enum Kind {
    /// None that is known.
    #[default]
    Unknown,
    /// Its text says its flags.
    WithFlags,
    /// Known to the server by this hash.
    Hash(Vec<u8>),
}

thread_local! {
    /// Of the server's main thread.
    static SCRIPT: RefCell<Script> = const {
        RefCell::new(Script { kind: Kind::Unknown, called: Vec::new(), calling: Vec::new() })
    };
}

impl Script {
    fn begin(name: &[u8], argument: &[u8]) -> Self {
        let kind = if name.eq_ignore_ascii_case(b"EVAL") && argument.starts_with(b"#!") {
            Kind::WithFlags
        } else if name.eq_ignore_ascii_case(b"EVALSHA") && argument.len() == 40 {
            Kind::Hash(argument.into())
        } else {
            Kind::Unknown
        };
        Self { kind, ..Self::default() }
    }

    fn call(&mut self, calling: [Called; 2]) {
        for before in std::mem::replace(&mut self.calling, calling.into()) {
            if self.called.len() < MOST_CALLS && !self.called.contains(&before) {
                self.called.push(before);
            }
        }
    }
}

/// Watches commands if memory is nearly full, and stops to do so if it is not.
///
/// # Safety
/// `ctx` must be valid, and not that of a command. To be called after each CONFIG SET, which may set
/// `maxmemory`, and in the server's cron.
pub(in crate::server) unsafe fn look(ctx: *mut RedisModuleCtx) {
    // SAFETY: the caller's promise; what is unregistered was registered by this module.
    unsafe {
        let (Some(register), Some(unregister)) =
            (pointers::RegisterCommandFilter, pointers::UnregisterCommandFilter)
        else {
            return;
        };
        let evicts = has_flag(ctx, REDISMODULE_CTX_FLAGS_EVICT);
        // Where keys are evicted, memory is always nearly full and hardly ever full.
        let full = if evicts { 1.0 } else { NEARLY_FULL };
        let wanted = api!(GetUsedMemoryRatio()) > full;
        let filter = FILTER.load(Ordering::Relaxed);
        if wanted && filter.is_null() {
            let flags = REDISMODULE_CMDFILTER_NOSELF;
            FILTER.store(register(ctx, Some(on_command), flags), Ordering::Relaxed);
        } else if !wanted && !filter.is_null() {
            FILTER.store(ptr::null_mut(), Ordering::Relaxed);
            unregister(ctx, filter);
            SCRIPT.take();
        }
    }
}

/// # Safety
/// `ctx` must be valid or null.
unsafe fn has_flag(ctx: *mut RedisModuleCtx, flag: c_int) -> bool {
    // SAFETY: the caller's promise.
    (unsafe { api!(GetContextFlags(ctx)) }) & flag != 0
}

unsafe extern "C" fn on_command(command: *mut RedisModuleCommandFilterCtx) {
    guard((), || {
        // SAFETY: the server gives a valid command, whose words live as long as this takes, and
        // answers null where there is no such word.
        let (word, words, in_script) = unsafe {
            let Some(get) = pointers::CommandFilterArgGet else { return };
            let Some(count) = pointers::CommandFilterArgsCount else { return };
            let word = move |index: c_int| {
                let word: *const RedisModuleString = get(command, index);
                if word.is_null() { &[][..] } else { bytes_of(word) }
            };
            (word, count(command), has_flag(ptr::null_mut(), REDISMODULE_CTX_FLAGS_LUA))
        };
        let (name, argument) = (word(0), word(1));
        SCRIPT.with_borrow_mut(|script| {
            if !in_script {
                *script = Script::begin(name, argument);
            } else if name.len() <= LONGEST_WORD {
                // Of most commands the second word is an argument, and there is no such command.
                let argument = argument.get(..LONGEST_WORD).unwrap_or(argument);
                let names = [name.to_vec(), [name, b"|", argument].concat()];
                script.call(names.map(|name| Called { name, words }));
            }
        });
    });
}

/// Whether the script that makes this call may write although memory was full when it began.
///
/// # Safety
/// `ctx` must be that of a command.
pub(in crate::server) unsafe fn may_write(ctx: *mut RedisModuleCtx) -> bool {
    // SAFETY: the caller's promise.
    let (in_script, in_exec) = unsafe {
        (has_flag(ctx, REDISMODULE_CTX_FLAGS_LUA), has_flag(ctx, REDISMODULE_CTX_FLAGS_MULTI))
    };
    if !in_script {
        return false;
    }
    // SAFETY: as above.
    if unsafe { is_function(ctx) } {
        return true;
    }
    if in_exec || FILTER.load(Ordering::Relaxed).is_null() {
        return false;
    }
    SCRIPT.with_borrow(|script| {
        let with_flags = match &script.kind {
            Kind::Unknown => false,
            Kind::WithFlags => true,
            // SAFETY: as above.
            Kind::Hash(hash) => unsafe { has_flags(ctx, hash) },
        };
        // SAFETY: as above.
        with_flags || unsafe { any_wrote(ctx, &script.called) }
    })
}

/// Whether the script is a function, all of which have flags: of any other script FUNCTION STATS
/// answers that it is none.
///
/// # Safety
/// `ctx` must be that of a command.
unsafe fn is_function(ctx: *mut RedisModuleCtx) -> bool {
    // SAFETY: the caller's promise; "Ec" takes a C string; the reply is ours to free.
    unsafe {
        let reply = api!(Call(ctx, c"FUNCTION".as_ptr(), c"Ec".as_ptr(), c"STATS".as_ptr()));
        let told = !reply.is_null() && text_of(reply).is_none();
        free(reply);
        told
    }
}

/// Whether a script has flags. It is called without a right to write ("W"), which only those with
/// flags are asked for before anything is done; and with a number of keys that no script takes.
///
/// # Safety
/// `ctx` must be that of a command.
unsafe fn has_flags(ctx: *mut RedisModuleCtx, hash: &[u8]) -> bool {
    // SAFETY: the caller's promise; "EWbc" takes a buffer with its length and a C string; the
    // reply is ours to free.
    unsafe {
        let (name, format) = (c"EVALSHA".as_ptr(), c"EWbc".as_ptr());
        let keys = c"-1".as_ptr();
        let reply = api!(Call(ctx, name, format, hash.as_ptr(), hash.len(), keys));
        let told = !reply.is_null()
            && text_of(reply).is_some_and(|text| {
                text.windows(13).any(|words| words.eq_ignore_ascii_case(b"Write command"))
            });
        free(reply);
        told
    }
}

/// Whether the server let one of these pass as a write: one that must have memory was refused as
/// long as none had passed, and one with too few words is none.
///
/// # Safety
/// `ctx` must be that of a command.
unsafe fn any_wrote(ctx: *mut RedisModuleCtx, called: &[Called]) -> bool {
    if called.is_empty() {
        return false;
    }
    // SAFETY: the caller's promise; "cv" takes a C string and an array of strings with its
    // length, all of which live until the call is over; the reply is ours to free.
    unsafe {
        let string = |called: &Called| {
            api!(CreateString(ctx, called.name.as_ptr().cast(), called.name.len()))
        };
        let mut words: Vec<_> = called.iter().map(string).collect();
        let (name, format, info) = (c"COMMAND".as_ptr(), c"cv".as_ptr(), c"INFO".as_ptr());
        let reply = api!(Call(ctx, name, format, info, words.as_mut_ptr(), words.len()));
        words.into_iter().for_each(|word| api!(FreeString(ctx, word)));
        let told = elements(reply).zip(called).any(|(command, called)| {
            let mut about = elements(command).skip(1);
            let (arity, flags) = (about.next(), about.next().unwrap_or(ptr::null_mut()));
            let arity = arity.map_or(0, |arity| api!(CallReplyInteger(arity)));
            let words = i64::from(called.words);
            let has = |wanted: &[u8]| elements(flags).any(|flag| text_of(flag) == Some(wanted));
            let complete = if arity > 0 { words == arity } else { words >= arity.saturating_neg() };
            complete && has(b"write") && !has(b"denyoom")
        });
        free(reply);
        told
    }
}

/// The elements of an array; none of anything else.
///
/// # Safety
/// `reply` must be null, or live as long as what is made here.
unsafe fn elements(
    reply: *mut RedisModuleCallReply,
) -> impl Iterator<Item = *mut RedisModuleCallReply> {
    (0..).map_while(move |index| {
        // SAFETY: the caller's promise.
        let element =
            (!reply.is_null()).then(|| unsafe { api!(CallReplyArrayElement(reply, index)) });
        element.filter(|element| !element.is_null())
    })
}

/// The text of a string or an error; nothing of anything else.
///
/// # Safety
/// `reply` must be live for `'a`.
unsafe fn text_of<'a>(reply: *mut RedisModuleCallReply) -> Option<&'a [u8]> {
    let mut len = 0;
    // SAFETY: the reply is live, and its text is `len` long.
    unsafe {
        let text = api!(CallReplyStringPtr(reply, &raw mut len));
        (!text.is_null()).then(|| std::slice::from_raw_parts(text.cast(), len))
    }
}

/// # Safety
/// `reply` must be null, or ours to free.
unsafe fn free(reply: *mut RedisModuleCallReply) {
    if !reply.is_null() {
        // SAFETY: the caller's promise.
        unsafe { api!(FreeCallReply(reply)) };
    }
}
