//! What the current user may do, where the server itself does not ask.

use redis_module::raw::{
    REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_REPLICATED, RedisModuleString,
};

use super::api::{OK, api, pointers};
use super::call::Call;

/// Whether the call comes from a primary or an AOF. What these say is done, whatever the default
/// user may do, whose name the server gives to an AOF.
pub(crate) fn comes_from_the_server(call: &Call<'_>) -> bool {
    // SAFETY: ctx is valid for the call.
    let flags = unsafe { api!(GetContextFlags(call.ctx)) }.cast_unsigned();
    flags & (REDISMODULE_CTX_FLAGS_LOADING | REDISMODULE_CTX_FLAGS_REPLICATED) != 0
}

/// Whether the user of this call may run RESTORE on its key. A call that has no user may.
pub(crate) fn may_restore(call: &Call<'_>) -> bool {
    if comes_from_the_server(call) {
        return true;
    }
    let key = call.key_name();
    // SAFETY: ctx and the key are valid for the call; all that is made here is freed here.
    unsafe {
        let (Some(current), Some(user_of), Some(check), Some(free_user)) = (
            pointers::GetCurrentUserName,
            pointers::GetModuleUserFromUserName,
            pointers::ACLCheckCommandPermissions,
            pointers::FreeModuleUser,
        ) else {
            return true;
        };
        let name = current(call.ctx);
        if name.is_null() {
            return true;
        }
        let user = user_of(name);
        api!(FreeString(call.ctx, name));
        if user.is_null() {
            return true;
        }
        let string = |text: &str| api!(CreateString(call.ctx, text.as_ptr().cast(), text.len()));
        let made: [*mut RedisModuleString; 3] = [string("RESTORE"), string("0"), string("")];
        let [restore, ttl, payload] = made;
        let mut argv = [restore, key, ttl, payload];
        let status = check(user, argv.as_mut_ptr(), 4);
        free_user(user);
        for string in made {
            api!(FreeString(call.ctx, string));
        }
        status == OK
    }
}
