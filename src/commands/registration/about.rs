//! RL.HELP and RL.VERSION: the module about itself.

use std::ffi::CString;
use std::sync::OnceLock;

use crate::server::Call;
use crate::words::Error;

/// The lines of RL.HELP.
static HELP: OnceLock<Vec<CString>> = OnceLock::new();

/// Makes `lines` those of RL.HELP.
pub(super) fn set_help(lines: Vec<CString>) {
    let _ = HELP.set(lines);
}

/// `RL.HELP`
pub(super) fn help(call: &Call<'_>) -> Result<(), Error> {
    let lines = HELP.get().map(Vec::as_slice).unwrap_or_default();
    call.reply_array(lines.len());
    lines.iter().for_each(|line| call.reply_simple(line));
    Ok(())
}

/// `RL.VERSION`
pub(super) fn version(call: &Call<'_>) -> Result<(), Error> {
    call.reply_bulk(crate::VERSION);
    Ok(())
}
