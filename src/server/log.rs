//! Lines in the server's log. Never on the hot path: they allocate.

use std::ffi::CString;
use std::ptr;

use super::api::required;

/// Something that an operator should see.
pub(crate) fn warning(line: &str) {
    write(c"warning", line);
}

/// Something that an operator may want to know.
pub(crate) fn notice(line: &str) {
    write(c"notice", line);
}

fn write(level: &std::ffi::CStr, line: &str) {
    let line = CString::new(line.replace('\0', "\\0")).unwrap_or_default();
    // SAFETY: no context is needed to log; the format takes one C string, and all three strings
    // outlive the call.
    unsafe {
        // A server may lack it, which is to be told.
        if let Some(log) = required::Log {
            log(ptr::null_mut(), level.as_ptr(), c"<ratelimit> %s".as_ptr(), line.as_ptr());
        }
    }
}
