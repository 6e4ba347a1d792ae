//! Calling the server: every function pointer is checked once, at load.

use std::ffi::c_int;

use redis_module::raw::{REDISMODULE_ERR, REDISMODULE_OK};

/// What a function of the server, or a callback of ours, answers when all went well.
pub(crate) const OK: c_int = status(REDISMODULE_OK);

/// What it answers when not.
pub(crate) const ERR: c_int = status(REDISMODULE_ERR);

#[expect(clippy::cast_possible_truncation, reason = "the bindings widen a C int")]
const fn status(widened: isize) -> c_int {
    widened as c_int
}

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
        required { $($required:ident => $required_raw:ident,)* }
        optional { $($optional:ident => $optional_raw:ident,)* }
    ) => {
        /// The pointers that are there, which the server fills in before anything else runs.
        pub(crate) mod required {
            pub(crate) use redis_module::raw::{$($required_raw as $required,)*};
        }

        /// Those that may be there.
        pub(crate) mod pointers {
            pub(crate) use redis_module::raw::{$($optional_raw as $optional,)*};
        }

        /// The first function that the server lacks and the module cannot do without.
        pub(crate) fn first_missing() -> Option<&'static str> {
            // SAFETY: the server wrote these before it handed control to the module's start-up,
            // and never writes them again.
            unsafe { $(if { required::$required }.is_none() { return Some(stringify!($required)); })* }
            None
        }
    };
}

functions! {
    required {
    Call => RedisModule_Call,
    CallReplyArrayElement => RedisModule_CallReplyArrayElement,
    CallReplyInteger => RedisModule_CallReplyInteger,
    CallReplyProto => RedisModule_CallReplyProto,
    CallReplyStringPtr => RedisModule_CallReplyStringPtr,
    CallReplyType => RedisModule_CallReplyType,
    CloseKey => RedisModule_CloseKey,
    CreateCommand => RedisModule_CreateCommand,
    CreateSubcommand => RedisModule_CreateSubcommand,
    CreateDataType => RedisModule_CreateDataType,
    CreateString => RedisModule_CreateString,
    DeleteKey => RedisModule_DeleteKey,
    DigestAddStringBuffer => RedisModule_DigestAddStringBuffer,
    DigestEndSequence => RedisModule_DigestEndSequence,
    EmitAOF => RedisModule_EmitAOF,
    Free => RedisModule_Free,
    FreeCallReply => RedisModule_FreeCallReply,
    FreeString => RedisModule_FreeString,
    GetAbsExpire => RedisModule_GetAbsExpire,
    GetClientId => RedisModule_GetClientId,
    GetCommand => RedisModule_GetCommand,
    GetContextFlags => RedisModule_GetContextFlags,
    GetUsedMemoryRatio => RedisModule_GetUsedMemoryRatio,
    InfoAddFieldULongLong => RedisModule_InfoAddFieldULongLong,
    InfoAddSection => RedisModule_InfoAddSection,
    IsKeysPositionRequest => RedisModule_IsKeysPositionRequest,
    KeyAtPosWithFlags => RedisModule_KeyAtPosWithFlags,
    KeyType => RedisModule_KeyType,
    LoadConfigs => RedisModule_LoadConfigs,
    LoadStringBuffer => RedisModule_LoadStringBuffer,
    Log => RedisModule_Log,
    LogIOError => RedisModule_LogIOError,
    Milliseconds => RedisModule_Milliseconds,
    ModuleTypeGetType => RedisModule_ModuleTypeGetType,
    ModuleTypeGetValue => RedisModule_ModuleTypeGetValue,
    ModuleTypeSetValue => RedisModule_ModuleTypeSetValue,
    NotifyKeyspaceEvent => RedisModule_NotifyKeyspaceEvent,
    OpenKey => RedisModule_OpenKey,
    RegisterBoolConfig => RedisModule_RegisterBoolConfig,
    RegisterNumericConfig => RedisModule_RegisterNumericConfig,
    Replicate => RedisModule_Replicate,
    ReplicateVerbatim => RedisModule_ReplicateVerbatim,
    ReplyWithArray => RedisModule_ReplyWithArray,
    ReplyWithCallReply => RedisModule_ReplyWithCallReply,
    ReplyWithError => RedisModule_ReplyWithError,
    ReplyWithLongLong => RedisModule_ReplyWithLongLong,
    ReplyWithNull => RedisModule_ReplyWithNull,
    ReplyWithSimpleString => RedisModule_ReplyWithSimpleString,
    ReplyWithStringBuffer => RedisModule_ReplyWithStringBuffer,
    SaveStringBuffer => RedisModule_SaveStringBuffer,
    SetAbsExpire => RedisModule_SetAbsExpire,
    SetCommandInfo => RedisModule_SetCommandInfo,
    SetModuleOptions => RedisModule_SetModuleOptions,
    SignalModifiedKey => RedisModule_SignalModifiedKey,
    StringPtrLen => RedisModule_StringPtrLen,
    }
    optional {
    ACLCheckCommandPermissions => RedisModule_ACLCheckCommandPermissions,
    AddACLCategory => RedisModule_AddACLCategory,
    AvoidReplicaTraffic => RedisModule_AvoidReplicaTraffic,
    CachedMicroseconds => RedisModule_CachedMicroseconds,
    CommandFilterArgGet => RedisModule_CommandFilterArgGet,
    CommandFilterArgsCount => RedisModule_CommandFilterArgsCount,
    DefragAlloc => RedisModule_DefragAlloc,
    FreeModuleUser => RedisModule_FreeModuleUser,
    FreeServerInfo => RedisModule_FreeServerInfo,
    GetClientUserNameById => RedisModule_GetClientUserNameById,
    GetClusterNodeInfo => RedisModule_GetClusterNodeInfo,
    GetCurrentUserName => RedisModule_GetCurrentUserName,
    GetDetachedThreadSafeContext => RedisModule_GetDetachedThreadSafeContext,
    GetModuleUserFromUserName => RedisModule_GetModuleUserFromUserName,
    GetMyClusterID => RedisModule_GetMyClusterID,
    GetServerInfo => RedisModule_GetServerInfo,
    GetServerVersion => RedisModule_GetServerVersion,
    RegisterCommandFilter => RedisModule_RegisterCommandFilter,
    RegisterInfoFunc => RedisModule_RegisterInfoFunc,
    ServerInfoGetFieldUnsigned => RedisModule_ServerInfoGetFieldUnsigned,
    SetCommandACLCategories => RedisModule_SetCommandACLCategories,
    SubscribeToKeyspaceEvents => RedisModule_SubscribeToKeyspaceEvents,
    SubscribeToServerEvent => RedisModule_SubscribeToServerEvent,
    UnregisterCommandFilter => RedisModule_UnregisterCommandFilter,
    UnsubscribeFromKeyspaceEvents => RedisModule_UnsubscribeFromKeyspaceEvents,
    }
}
