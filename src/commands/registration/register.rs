//! The commands as the server is told of them, and RL.HELP of those that it took.

use super::about;
use super::row::Row;
use super::table::{INTERNAL, PUBLIC};
use crate::server::{Loading, log};

/// Registers every command.
pub(crate) fn register(loading: &Loading) -> Result<(), String> {
    let own_category = loading.add_category(crate::NAME);
    let mut help = Vec::new();
    for row in PUBLIC {
        if takes(loading, row, own_category)? {
            help.push(row.help());
        }
    }
    takes(loading, &INTERNAL, own_category)?;
    about::set_help(help);
    Ok(())
}

/// Whether the server takes the command; an error if it must.
fn takes(loading: &Loading, row: &Row, own_category: bool) -> Result<bool, String> {
    let taken = loading.register(&row.registration(own_category)).is_ok();
    let name = row.full_name();
    if !taken && !row.may_be_taken {
        return Err(format!("the server does not accept {name}"));
    }
    if !taken {
        log::notice(&format!("{name} is another's; RL.TOKEN decides the same"));
    }
    Ok(taken)
}
