//! Calling the server: every function pointer is checked once, at load.

use std::ffi::{CStr, c_int, c_void};
use std::mem::transmute;
use std::ptr;

use super::raw::bindings::{self, REDISMODULE_ERR, REDISMODULE_OK, RedisModuleCtx};

/// What a function of the server, or a callback of ours, answers when all went well.
pub(crate) const OK: c_int = REDISMODULE_OK;

/// What it answers when not.
pub(crate) const ERR: c_int = REDISMODULE_ERR;

/// Calls a required function of the module API by its C name, without the `RedisModule_` before it.
/// To be used in an unsafe block; the caller answers for the arguments. That the function is there
/// was seen at load, before anything else is called.
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {
        $crate::server::api::required::$name.unwrap_unchecked()($($argument),*)
    };
}
pub(crate) use api;

/// Declares the functions that the module cannot do without, and those that it asks for.
macro_rules! functions {
    (
        required { $($required:ident,)* }
        optional { $($optional:ident,)* }
    ) => {
        /// The pointers that are there, which are filled in before anything else runs.
        #[expect(non_upper_case_globals, reason = "they have the names of the C header")]
        pub(crate) mod required {
            $(pub(crate) static mut $required: bindings::$required = None;)*
            use super::bindings;
        }

        /// Those that may be there.
        #[expect(non_upper_case_globals, reason = "they have the names of the C header")]
        pub(crate) mod pointers {
            $(pub(crate) static mut $optional: bindings::$optional = None;)*
            use super::bindings;
        }

        /// Fills in whatever the server has.
        ///
        /// # Safety
        /// `ctx` must be that of a start-up.
        pub(super) unsafe fn bind(ctx: *mut RedisModuleCtx) {
            // SAFETY: a start-up's context begins with the function by which all others are
            // asked for. Each name has the type that the server's header gives it, and null is
            // the pointer that is not there.
            unsafe {
                GET_API = *ctx.cast::<bindings::GetApi>();
                $(required::$required = transmute::<*mut c_void, bindings::$required>(look_up(
                    name!($required),
                ));)*
                $(pointers::$optional = transmute::<*mut c_void, bindings::$optional>(look_up(
                    name!($optional),
                ));)*
            }
        }

        /// The first function that the server lacks and the module cannot do without.
        pub(crate) fn first_missing() -> Option<&'static str> {
            // SAFETY: they are written at load only, by the thread that reads them here.
            unsafe { $(if { required::$required }.is_none() { return Some(stringify!($required)); })* }
            None
        }
    };
}

/// The name by which the server knows a function.
macro_rules! name {
    ($name:ident) => {
        // SAFETY: it ends with a zero, and no identifier has one.
        CStr::from_bytes_with_nul_unchecked(
            concat!("RedisModule_", stringify!($name), "\0").as_bytes(),
        )
    };
}

/// By which all others are asked for.
static mut GET_API: bindings::GetApi = None;

/// The server's function of that name; null if it has none.
pub(super) fn look_up(name: &CStr) -> *mut c_void {
    let mut function: *mut c_void = ptr::null_mut();
    // SAFETY: it is written at load only, by the thread that reads it here. The server writes a
    // pointer where it is told, or nothing.
    unsafe {
        if let Some(get) = GET_API {
            get(name.as_ptr(), (&raw mut function).cast());
        }
    }
    function
}

functions! {
    required {
        Alloc,
        Call,
        CallReplyArrayElement,
        CallReplyInteger,
        CallReplyProto,
        CallReplyStringPtr,
        CallReplyType,
        CloseKey,
        CreateCommand,
        CreateDataType,
        CreateString,
        CreateSubcommand,
        DeleteKey,
        DigestAddStringBuffer,
        DigestEndSequence,
        EmitAOF,
        Free,
        FreeCallReply,
        FreeString,
        GetAbsExpire,
        GetClientId,
        GetCommand,
        GetContextFlags,
        GetUsedMemoryRatio,
        InfoAddFieldULongLong,
        InfoAddSection,
        IsKeysPositionRequest,
        KeyAtPosWithFlags,
        KeyType,
        LoadConfigs,
        LoadStringBuffer,
        Log,
        LogIOError,
        Milliseconds,
        ModuleTypeGetType,
        ModuleTypeGetValue,
        ModuleTypeSetValue,
        NotifyKeyspaceEvent,
        OpenKey,
        Realloc,
        RegisterBoolConfig,
        RegisterNumericConfig,
        Replicate,
        ReplicateVerbatim,
        ReplyWithArray,
        ReplyWithCallReply,
        ReplyWithError,
        ReplyWithLongLong,
        ReplyWithNull,
        ReplyWithSimpleString,
        ReplyWithStringBuffer,
        SaveStringBuffer,
        SetAbsExpire,
        SetCommandInfo,
        SetModuleAttribs,
        SetModuleOptions,
        SignalModifiedKey,
        StringPtrLen,
    }
    optional {
        ACLCheckCommandPermissions,
        AddACLCategory,
        AvoidReplicaTraffic,
        CachedMicroseconds,
        CommandFilterArgGet,
        CommandFilterArgsCount,
        DefragAlloc,
        FreeModuleUser,
        FreeServerInfo,
        GetClientUserNameById,
        GetClusterNodeInfo,
        GetCurrentUserName,
        GetDetachedThreadSafeContext,
        GetModuleUserFromUserName,
        GetMyClusterID,
        GetServerInfo,
        GetServerVersion,
        IsModuleNameBusy,
        RegisterCommandFilter,
        RegisterInfoFunc,
        ServerInfoGetFieldUnsigned,
        SetCommandACLCategories,
        SubscribeToKeyspaceEvents,
        SubscribeToServerEvent,
        UnregisterCommandFilter,
        UnsubscribeFromKeyspaceEvents,
    }
}
