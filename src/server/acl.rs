//! What the current user may do, where the server itself does not ask.

use redis_module::raw::RedisModuleString;

use super::api::{OK, api, pointers};
use super::call::Call;

/// Whether the server knows categories for the commands of modules (7.2 and later), and so keeps
/// users from dangerous ones by itself.
pub(crate) fn server_has_categories() -> bool {
    // SAFETY: written before the module's start-up, never again.
    unsafe { { pointers::SetCommandACLCategories }.is_some() }
}

/// Whether the user of this call may run RESTORE on its key. A call that has no user, such as
/// one from a primary or from an AOF, may.
pub(crate) fn may_restore(call: &Call<'_>) -> bool {
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
