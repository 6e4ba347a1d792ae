//! What the current user may do, where the server itself does not ask.
//!
//! Redis 7.0 knows no categories for the commands of modules, so there `+@all -@dangerous` lets a
//! user run all of them. What must not be everybody's asks by itself, on every server alike: its
//! user must be one who may run a certain command of the server's.

use std::ffi::c_int;
use std::io::{Error, ErrorKind};

use super::call::Call;
use crate::server::api::{OK, api, pointers};
use crate::server::raw::bindings::{
    REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_LUA, REDISMODULE_CTX_FLAGS_REPLICATED,
    RedisModuleString, RedisModuleUser,
};

/// A right of the server's: to run what these words say.
pub(crate) type Right<'a> = &'a [&'a [u8]];

/// Whether the call comes from a primary or an AOF. What these say is done, whatever the default
/// user may do, whose name the server gives to an AOF.
pub(crate) fn comes_from_the_server(call: &Call<'_>) -> bool {
    flags(call) & (REDISMODULE_CTX_FLAGS_LOADING | REDISMODULE_CTX_FLAGS_REPLICATED) != 0
}

/// Whether the user of this call has the first of `rights` that the server knows: any of its
/// commands may have been renamed. If it knows none, nobody has it but who needs none: a primary,
/// an AOF, and a call that has no user.
pub(crate) fn may(call: &Call<'_>, rights: &[Right<'_>]) -> bool {
    comes_from_the_server(call)
        || call.is_own_question()
        || rights.iter().find_map(|right| has(call, right)).unwrap_or(false)
}

fn flags(call: &Call<'_>) -> c_int {
    // SAFETY: ctx is valid for the call.
    unsafe { api!(GetContextFlags(call.ctx)) }
}

/// Whether the user has this right; nothing if the server does not know such a command.
fn has(call: &Call<'_>, right: Right<'_>) -> Option<bool> {
    // SAFETY: ctx is valid for the call; all that is made here is freed here.
    unsafe {
        let (Some(check), Some(free_user)) =
            (pointers::ACLCheckCommandPermissions, pointers::FreeModuleUser)
        else {
            return Some(true);
        };
        let Some(user) = user(call) else { return Some(true) };
        let string = |text: &&[u8]| api!(CreateString(call.ctx, text.as_ptr().cast(), text.len()));
        let mut argv: Vec<_> = right.iter().map(string).collect();
        let argc = i32::try_from(argv.len()).unwrap_or(0);
        let status = check(user, argv.as_mut_ptr(), argc);
        let known = status == OK || Error::last_os_error().kind() != ErrorKind::NotFound;
        free_user(user);
        argv.into_iter().for_each(|string| api!(FreeString(call.ctx, string)));
        known.then_some(status == OK)
    }
}

/// The user of this call, to be freed; nothing if there is none.
///
/// # Safety
/// The call must not be over.
unsafe fn user(call: &Call<'_>) -> Option<*mut RedisModuleUser> {
    // SAFETY: ctx is valid for the call; the name is freed here.
    unsafe {
        let name = user_name(call)?;
        let user = pointers::GetModuleUserFromUserName.map(|user_of| user_of(name));
        api!(FreeString(call.ctx, name));
        user.filter(|user| !user.is_null())
    }
}

/// # Safety
/// As for [`user`].
unsafe fn user_name(call: &Call<'_>) -> Option<*mut RedisModuleString> {
    // SAFETY: ctx is valid for the call.
    let name = unsafe {
        if flags(call) & REDISMODULE_CTX_FLAGS_LUA != 0 {
            // A script's client is none that has an id; it has its caller's user.
            pointers::GetCurrentUserName?(call.ctx)
        } else {
            // By its id, for Redis 7.0 stops at the question for the name where another module
            // calls us, as nobody.
            let id = api!(GetClientId(call.ctx));
            pointers::GetClientUserNameById?(call.ctx, id)
        }
    };
    (!name.is_null()).then_some(name)
}
