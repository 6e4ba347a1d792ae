//! RL.HELP and RL.VERSION: the module about itself.

use std::ffi::CString;

use super::error::Error;
use super::table;
use crate::server::Call;

/// `RL.HELP`
pub(super) fn help(call: &Call<'_>) -> Result<(), Error> {
    let lines = table::help();
    call.reply_array(lines.len());
    for line in lines {
        call.reply_simple(&CString::new(line).unwrap_or_default());
    }
    Ok(())
}

/// `RL.VERSION`
pub(super) fn version(call: &Call<'_>) -> Result<(), Error> {
    call.reply_bulk(crate::VERSION);
    Ok(())
}
