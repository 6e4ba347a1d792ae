//! Where policies come from and how they stay: a file at start, RDB, AOF, the primary.
//!
//! An RDB file keeps them beside the keys. An AOF has the RL.POLICY commands, and each rewrite is
//! followed by all of them in one. A replica has those of its primary, by the same two ways. The
//! policies of the file at start are put over what was loaded, unless this is a replica.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rl_core::bounds::MAX_LOG_LIMIT;

use super::json;
use super::registry::Policies;
use crate::server::config::FileArgument;
use crate::server::events::{Listener, Phase};
use crate::server::log;
use crate::settings::LOG_MAX_LIMIT;

/// The policies of the file that loadmodule named.
static FILE: Mutex<Policies> = Mutex::new(Policies::new());

/// What was in force before a load that may still fail.
static BEFORE: Mutex<Option<Policies>> = Mutex::new(None);

/// What the server is asked to tell.
pub(crate) const LISTENER: Listener =
    Listener { on_load, aof_head: || snapshot().map(|json| (c"rl.policy", c"load", json)) };

/// `loadmodule libredis_rl.so policies PATH`
pub(crate) const FILE_ARGUMENT: FileArgument = FileArgument { name: "policies", read: read_file };

/// Takes the policies of the file at `path`; without one, there are none to begin with.
fn read_file(path: Option<&str>) -> Result<(), String> {
    let policies = match path {
        None => Policies::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| format!("policies {path}: {error}"))?;
            json::read(&text, LOG_MAX_LIMIT.get())
                .map_err(|error| format!("policies {path}: {error}"))?
        }
    };
    *Policies::in_force() = policies.clone();
    *from_file() = policies;
    Ok(())
}

fn from_file() -> MutexGuard<'static, Policies> {
    FILE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All policies, for an RDB file or after a rewritten AOF; nothing if there are none.
pub(crate) fn snapshot() -> Option<String> {
    let policies = Policies::in_force();
    (policies.len() > 0).then(|| json::write(&policies))
}

/// Puts those of a snapshot in force; false if it is malformed.
pub(crate) fn restore(snapshot: &[u8]) -> bool {
    // What was accepted once is kept, whatever the setting is now.
    let text = std::str::from_utf8(snapshot).ok();
    let read = text.and_then(|text| json::read(text, MAX_LOG_LIMIT).ok());
    read.map(|policies| *Policies::in_force() = policies).is_some()
}

/// Follows the server through a load.
fn on_load(phase: Phase) {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut policies = Policies::in_force();
    match phase {
        Phase::Started => *policies = Policies::default(),
        Phase::StartedBeside => *before = Some(std::mem::take(&mut *policies)),
        Phase::Aborted => {
            if let Some(before) = before.take() {
                *policies = before;
            }
        }
        Phase::Ended { primary } => {
            *before = None;
            if primary && policies.add(&from_file()).is_err() {
                log::warning("the policies of the file do not fit beside those that were loaded");
            }
        }
    }
}
