//! Commands as the server is told of them: flags, key, arity, documentation, ACL categories.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use crate::server::api::{OK, api, pointers};
use crate::server::raw::bindings::{
    REDISMODULE_CMD_ARG_MULTIPLE, REDISMODULE_CMD_ARG_OPTIONAL, REDISMODULE_CMD_KEY_ACCESS,
    REDISMODULE_CMD_KEY_INCOMPLETE, REDISMODULE_CMD_KEY_RO, REDISMODULE_CMD_KEY_RW,
    REDISMODULE_CMD_KEY_UPDATE, RedisModuleCommand, RedisModuleCommandArg,
    RedisModuleCommandArgType, RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK as BLOCK,
    RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER as INTEGER,
    RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY as KEY,
    RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF as ONE_OF,
    RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN as TOKEN,
    RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING as STRING,
    RedisModuleCommandHistoryEntry, RedisModuleCommandInfo, RedisModuleCommandInfoVersion,
    RedisModuleCommandKeySpec, RedisModuleCommandKeySpec__bindgen_ty_1,
    RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1, RedisModuleCommandKeySpec__bindgen_ty_2,
    RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1, RedisModuleCtx,
    RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX as BEGIN_AT_INDEX,
    RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID as NO_MORE,
    RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE as RANGE, RedisModuleString,
};

type RawEntry =
    unsafe extern "C" fn(*mut RedisModuleCtx, *mut *mut RedisModuleString, c_int) -> c_int;

/// Where the server enters a command.
#[derive(Clone, Copy)]
pub(crate) struct Entry(RawEntry);

impl Entry {
    /// Made by the `entry!` macro only.
    pub(crate) const fn new(entry: RawEntry) -> Self {
        Self(entry)
    }
}

/// All that the server is told of one command.
pub(crate) struct Registration<'a> {
    pub(crate) name: &'static CStr,
    /// The command of which it is a subcommand.
    pub(crate) parent: Option<&'static CStr>,
    pub(crate) entry: Entry,
    pub(crate) flags: &'static CStr,
    /// What is done to the key that argument 1 is; nothing if it is none.
    pub(crate) key: Option<KeyUse>,
    /// Whether there are more keys, which the command itself tells.
    pub(crate) more_keys: bool,
    /// Number of words, its name counted; negative if more may follow.
    pub(crate) arity: c_int,
    pub(crate) summary: &'static CStr,
    pub(crate) complexity: &'static CStr,
    pub(crate) since: &'static CStr,
    /// What clients and proxies should know, as the server's own commands tell it.
    pub(crate) tips: Option<&'static CStr>,
    pub(crate) arguments: &'a [Argument],
    /// ACL categories, for servers that let modules set them.
    pub(crate) categories: String,
}

/// What a command does to its key; a user needs the same permissions for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyUse {
    /// Looks.
    Read,
    /// Looks and writes.
    Update,
}

impl KeyUse {
    pub(super) fn flags(self) -> c_int {
        match self {
            Self::Read => REDISMODULE_CMD_KEY_RO | REDISMODULE_CMD_KEY_ACCESS,
            Self::Update => {
                REDISMODULE_CMD_KEY_RW | REDISMODULE_CMD_KEY_ACCESS | REDISMODULE_CMD_KEY_UPDATE
            }
        }
    }

    /// Argument 1, and no other unless there are `more` that no specification tells.
    fn key_spec(self, more: bool) -> RedisModuleCommandKeySpec {
        let incomplete = if more { REDISMODULE_CMD_KEY_INCOMPLETE } else { 0 };
        let index = RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 1 };
        let range = RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
            lastkey: 0,
            keystep: 1,
            limit: 0,
        };
        RedisModuleCommandKeySpec {
            notes: ptr::null(),
            flags: (self.flags() | incomplete).cast_unsigned().into(),
            begin_search_type: BEGIN_AT_INDEX,
            bs: RedisModuleCommandKeySpec__bindgen_ty_1 { index },
            find_keys_type: RANGE,
            fk: RedisModuleCommandKeySpec__bindgen_ty_2 { range },
        }
    }
}

/// One argument of a command, for COMMAND DOCS and the syntax lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    /// What it is called.
    pub(crate) name: &'static CStr,
    /// What it may be.
    pub(crate) kind: Kind,
    /// The word that comes before it.
    pub(crate) token: Option<&'static CStr>,
    /// Whether it may be left out.
    pub(crate) optional: bool,
    /// Whether more of it may follow.
    pub(crate) multiple: bool,
}

/// What an argument may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A key's name.
    Key,
    /// An integer.
    Integer,
    /// Any text.
    Text,
    /// A fixed word.
    Word,
    /// One of several.
    OneOf(&'static [Argument]),
    /// Several in a row.
    Block(&'static [Argument]),
}

impl Kind {
    fn raw(self) -> (RedisModuleCommandArgType, &'static [Argument]) {
        match self {
            Self::Key => (KEY, &[]),
            Self::Integer => (INTEGER, &[]),
            Self::Text => (STRING, &[]),
            Self::Word => (TOKEN, &[]),
            Self::OneOf(arguments) => (ONE_OF, arguments),
            Self::Block(arguments) => (BLOCK, arguments),
        }
    }
}

/// The server would not have the command: its name is taken, or its description is not accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

/// Makes the ACL category `name`; false if the server knows no categories of modules.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(in crate::server) unsafe fn add_category(ctx: *mut RedisModuleCtx, name: &str) -> bool {
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: the caller's promise; the server copies the name.
    unsafe { pointers::AddACLCategory.is_some_and(|add| add(ctx, name.as_ptr()) == OK) }
}

/// Makes a command.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(in crate::server) unsafe fn register(
    ctx: *mut RedisModuleCtx,
    command: &Registration<'_>,
) -> Result<(), Refused> {
    let key = c_int::from(command.key.is_some());
    // SAFETY: the caller's promise; the server copies all strings.
    unsafe {
        let (name, flags) = (command.name.as_ptr(), command.flags.as_ptr());
        let entry = Some(command.entry.0);
        let made = match command.parent {
            None => {
                accepted(api!(CreateCommand(ctx, name, entry, flags, key, key, key)))?;
                api!(GetCommand(ctx, name))
            }
            Some(parent) => {
                let whole = [parent.to_bytes(), b"|", command.name.to_bytes()].concat();
                let whole = CString::new(whole).unwrap_or_default();
                let parent = container(ctx, parent)?;
                accepted(api!(CreateSubcommand(parent, name, entry, flags, key, key, key)))?;
                api!(GetCommand(ctx, whole.as_ptr()))
            }
        };
        describe(made, command)?;
        if let Some(set_categories) = pointers::SetCommandACLCategories {
            let categories = CString::new(command.categories.as_str()).unwrap_or_default();
            accepted(set_categories(made, categories.as_ptr()))?;
        }
    }
    Ok(())
}

/// The command `name` that has subcommands only; made if it is not there yet.
///
/// # Safety
/// `ctx` must be that of a start-up.
unsafe fn container(
    ctx: *mut RedisModuleCtx,
    name: &CStr,
) -> Result<*mut RedisModuleCommand, Refused> {
    // SAFETY: the caller's promise; the server copies the strings.
    unsafe {
        let known = api!(GetCommand(ctx, name.as_ptr()));
        if !known.is_null() {
            return Ok(known);
        }
        let flags = c"".as_ptr();
        accepted(api!(CreateCommand(ctx, name.as_ptr(), None, flags, 0, 0, 0)))?;
        Ok(api!(GetCommand(ctx, name.as_ptr())))
    }
}

fn accepted(status: c_int) -> Result<(), Refused> {
    if status == OK { Ok(()) } else { Err(Refused) }
}

/// # Safety
/// `command` must be a command of this module, during start-up.
unsafe fn describe(
    command: *mut RedisModuleCommand,
    described: &Registration<'_>,
) -> Result<(), Refused> {
    let version = RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<RedisModuleCommandArg>(),
    };
    let mut nested = Vec::new();
    let mut arguments = raw_arguments(described.arguments, &mut nested);
    let mut key_specs = described.key.map(|key| {
        let first = key.key_spec(described.more_keys);
        [first, RedisModuleCommandKeySpec { begin_search_type: NO_MORE, ..first }]
    });
    let info = RedisModuleCommandInfo {
        version: &raw const version,
        summary: described.summary.as_ptr(),
        complexity: described.complexity.as_ptr(),
        since: described.since.as_ptr(),
        history: ptr::null_mut(),
        tips: described.tips.map_or(ptr::null(), CStr::as_ptr),
        arity: described.arity,
        key_specs: key_specs.as_mut().map_or(ptr::null_mut(), |specs| specs.as_mut_ptr()),
        args: arguments.as_mut_ptr(),
    };
    // SAFETY: all that `info` points to lives until the server has copied it.
    accepted(unsafe { api!(SetCommandInfo(command, &raw const info)) })
}

/// The arguments as the server reads them, ended by an empty one. Those within others are kept
/// alive in `nested`.
fn raw_arguments(
    arguments: &[Argument],
    nested: &mut Vec<Vec<RedisModuleCommandArg>>,
) -> Vec<RedisModuleCommandArg> {
    let mut raw: Vec<_> = arguments.iter().map(|argument| raw_argument(argument, nested)).collect();
    raw.push(RedisModuleCommandArg { name: ptr::null(), ..empty_argument() });
    raw
}

fn raw_argument(
    argument: &Argument,
    nested: &mut Vec<Vec<RedisModuleCommandArg>>,
) -> RedisModuleCommandArg {
    let (type_, within) = argument.kind.raw();
    let mut subargs = ptr::null_mut();
    if !within.is_empty() {
        let mut list = raw_arguments(within, nested);
        subargs = list.as_mut_ptr();
        nested.push(list);
    }
    let flag = |set: bool, flag: c_int| if set { flag } else { 0 };
    RedisModuleCommandArg {
        name: argument.name.as_ptr(),
        type_,
        key_spec_index: if matches!(argument.kind, Kind::Key) { 0 } else { -1 },
        token: argument.token.map_or(ptr::null(), CStr::as_ptr),
        flags: flag(argument.optional, REDISMODULE_CMD_ARG_OPTIONAL)
            | flag(argument.multiple, REDISMODULE_CMD_ARG_MULTIPLE),
        subargs,
        ..empty_argument()
    }
}

fn empty_argument() -> RedisModuleCommandArg {
    const NONE: *const c_char = ptr::null();
    RedisModuleCommandArg {
        name: NONE,
        type_: STRING,
        key_spec_index: -1,
        token: NONE,
        summary: NONE,
        since: NONE,
        flags: 0,
        deprecated_since: NONE,
        subargs: ptr::null_mut(),
        display_text: NONE,
    }
}
