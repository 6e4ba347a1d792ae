//! What a command asks of its user beside the right to run it: a right of the server's, on every
//! server alike. Where the server's command was renamed, the next in the list is asked for.

use crate::server::Call;
use crate::server::calls::acl::{Right, may};
use crate::words::Error;

const RESTORE: &[u8] = b"RESTORE";
const CONFIG_SET: Right<'_> = &[b"CONFIG", b"SET", b"maxmemory", b"0"];
const ACL_SETUSER: Right<'_> = &[b"ACL", b"SETUSER", b"default"];
const SLOWLOG_GET: Right<'_> = &[b"SLOWLOG", b"GET"];
const SLOWLOG_RESET: Right<'_> = &[b"SLOWLOG", b"RESET"];

/// To put state in place: as RESTORE does at the call's key.
pub(super) fn restore(call: &Call<'_>) -> Result<(), Error> {
    let rights: &[Right<'_>] = &[&[RESTORE, call.key_bytes(), b"0", b""]];
    require(call, rights, "RL.APPLY is internal, and only for users who may run RESTORE")
}

/// To change what all keys are held to: as CONFIG SET does.
pub(super) fn govern(call: &Call<'_>) -> Result<(), Error> {
    let rights = [CONFIG_SET, ACL_SETUSER];
    require(call, &rights, "policies are changed only by users who may run CONFIG SET")
}

/// To see the names of everybody's keys: as SLOWLOG GET shows them.
pub(super) fn see_keys(call: &Call<'_>) -> Result<(), Error> {
    let rights = [SLOWLOG_GET, CONFIG_SET, ACL_SETUSER];
    require(call, &rights, "RL.TOP is only for users who may run SLOWLOG GET")
}

/// To forget what was counted: as SLOWLOG RESET does.
pub(super) fn forget_counts(call: &Call<'_>) -> Result<(), Error> {
    let rights = [SLOWLOG_RESET, CONFIG_SET, ACL_SETUSER];
    require(call, &rights, "RL.TOP RESET is only for users who may run SLOWLOG RESET")
}

fn require(call: &Call<'_>, rights: &[Right<'_>], why: &'static str) -> Result<(), Error> {
    if may(call, rights) { Ok(()) } else { Err(Error::NotPermitted(why)) }
}
