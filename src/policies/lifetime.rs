//! Where policies come from and how they stay: a file at start, RDB, AOF, the primary.
//!
//! An RDB file and a rewritten AOF keep them beside the keys, and an AOF has the RL.POLICY commands
//! that followed. A replica has those of its primary, by the same ways. On a primary, those of the
//! file are put over what was loaded. What that changes, replicas and the AOF are told as soon as
//! they can be; until then all that is saved is as they have it.

use rl_core::Limiters;

use super::json;
use super::registry::Policies;
use crate::server::config::FileArgument;
use crate::server::exclusive::{Exclusive, Held};
use crate::server::log;
use crate::server::watch::events::{Command, Listener, Phase};
use crate::server::watch::rewrite::Rewrite;
use crate::words::limits::Maxima;

/// What else is known than the policies in force.
struct Sources {
    /// The policies of the file that loadmodule named.
    file: Policies,
    /// What replicas and the AOF have, as long as they have not been told of the file's.
    handed_on: Option<Policies>,
    /// What was in force, and handed on, before a load that may still fail.
    before: Option<(Policies, Option<Policies>)>,
}

static SOURCES: Exclusive<Sources> =
    Exclusive::new(Sources { file: Policies::new(), handed_on: None, before: None });

/// What the server is asked to tell.
pub(crate) const LISTENER: Listener = Listener { on_load, on_linked, on_rewrite, hand_on };

/// `loadmodule libredis_rl.so policies PATH`
pub(crate) const FILE_ARGUMENT: FileArgument = FileArgument { name: "policies", read: read_file };

/// The command that makes all policies of a JSON text.
pub(crate) fn load_command(json: String) -> Command {
    (c"rl.policy", c"load", json)
}

/// Takes the policies of the file at `path`; without one, there are none to begin with. A linked
/// replica has those of its primary, which are none as far as it was told.
fn read_file(path: Option<&str>, is_linked_replica: bool) -> Result<(), String> {
    let policies = match path {
        None => Policies::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| format!("policies {path}: {error}"))?;
            json::read(&text, Maxima::in_force())
                .map_err(|error| format!("policies {path}: {error}"))?
        }
    };
    let mut sources = sources();
    let counts = policies.len() > 0 && !is_linked_replica;
    *Policies::in_force() = if counts { policies.clone() } else { Policies::default() };
    sources.handed_on = counts.then(Policies::default);
    sources.file = policies;
    Ok(())
}

fn sources() -> Held<'static, Sources> {
    SOURCES.hold()
}

/// All policies that replicas and the AOF have, for an RDB file or a rewritten AOF; nothing if there
/// are none. Those that they have yet to be told come after, in the order of the commands.
pub(crate) fn snapshot() -> Option<String> {
    let json = |policies: &Policies| (policies.len() > 0).then(|| json::write(policies));
    match &sources().handed_on {
        Some(handed_on) => json(handed_on),
        None => json(&Policies::in_force()),
    }
}

/// Puts those of a snapshot in force; false if it is malformed.
pub(crate) fn restore(snapshot: &[u8]) -> bool {
    // What was accepted once is kept, whatever the setting is now.
    let text = std::str::from_utf8(snapshot).ok();
    let read = text.and_then(|text| json::read(text, Maxima::ALL).ok());
    read.map(|policies| *Policies::in_force() = policies).is_some()
}

/// Follows the server through a load.
fn on_load(phase: Phase) {
    let mut sources = sources();
    let mut policies = Policies::in_force();
    match phase {
        Phase::Started => {
            *policies = Policies::default();
            sources.handed_on = None;
        }
        Phase::StartedBeside => {
            let handed_on = sources.handed_on.take();
            sources.before = Some((std::mem::take(&mut *policies), handed_on));
        }
        Phase::Aborted => {
            if let Some((before, handed_on)) = sources.before.take() {
                *policies = before;
                sources.handed_on = handed_on;
            }
        }
        Phase::Ended { primary } => {
            sources.before = None;
            if primary {
                put_file_over(&mut policies, &mut sources);
            }
        }
    }
}

fn put_file_over(policies: &mut Policies, sources: &mut Sources) {
    let loaded = policies.clone();
    if policies.add(&sources.file).is_err() {
        log::warning("the policies of the file do not fit beside those that were loaded");
    } else if !policies.are_those_of(&loaded) {
        sources.handed_on = Some(loaded);
    }
}

/// A primary has not been told of this server's file, and its own policies count.
fn on_linked() {
    if let Some(handed_on) = sources().handed_on.take() {
        *Policies::in_force() = handed_on;
    }
}

fn on_rewrite(rewrite: &Rewrite) {
    if snapshot().is_some() {
        rewrite.add_null::<Limiters>();
    }
}

/// All policies in force, if replicas and the AOF have others; from now on they have these.
fn hand_on() -> Option<Command> {
    sources().handed_on.take().map(|_| load_command(json::write(&Policies::in_force())))
}
