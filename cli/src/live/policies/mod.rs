//! `policies`: those of a file against those of every primary.
//!
//! | file | what it is for |
//! |---|---|
//! | `clause` | a clause as RL.POLICY GET spells it |
//! | `file` | policies as JSON |
//! | `difference` | what a file would change at a server |

mod clause;
mod difference;
mod file;

use std::io::Write;

use futures_util::future::join_all;

use self::difference::Difference;
use self::file::Policies;
use super::primaries::Primaries;
use super::server::{Away, Server, command, text};
use crate::args::PoliciesWord;
use crate::failure::Failure;
use crate::words::Address;

/// A primary, and what the file would change there; or why nobody knows.
type Compared<'a> = (&'a mut Server, Result<Difference, Away>);

/// Compares or applies.
pub(crate) async fn run(word: &PoliciesWord) -> Result<(), Failure> {
    match word {
        PoliciesWord::Diff { file, url } => diff(&Policies::of_file(file)?, url).await,
        PoliciesWord::Apply { file, url, prune } => {
            apply(&Policies::of_file(file)?, url, *prune).await
        }
    }
}

async fn diff(wanted: &Policies, url: &Address) -> Result<(), Failure> {
    let mut primaries = Primaries::new(url.clone());
    let mut out = anstream::stdout().lock();
    let mut same = true;
    for (server, difference) in compare(&mut primaries, wanted).await? {
        let difference = difference.map_err(|why| could_not(&server.name(), &why))?;
        same &= difference.is_empty();
        let written = writeln!(out, "{}: {}", server.name(), difference.to_do())
            .and_then(|()| difference.write(&mut out));
        written.map_err(|error| Failure::of_output(&error))?;
    }
    if same { Ok(()) } else { Err(Failure::No) }
}

/// Changes nothing anywhere unless all primaries answer first. Only what differs is loaded, since
/// the counts of a policy start from 0 whenever it is set.
async fn apply(wanted: &Policies, url: &Address, prune: bool) -> Result<(), Failure> {
    let mut primaries = Primaries::new(url.clone());
    let mut out = anstream::stdout().lock();
    let compared = compare(&mut primaries, wanted).await?;
    let all_answer = compared.iter().all(|(_, difference)| difference.is_ok());
    let (mut have, mut lack) = (Vec::new(), Vec::new());
    for (server, difference) in compared {
        let changed = match difference {
            Err(why) => Err(why),
            Ok(difference) => {
                let difference = if prune { difference } else { difference.without_removed() };
                change(server, difference, all_answer).await
            }
        };
        match changed {
            Ok(difference) => {
                have.push(server.name());
                let written = writeln!(out, "{}: {}", server.name(), difference.done())
                    .and_then(|()| difference.write(&mut out));
                written.map_err(|error| Failure::of_output(&error))?;
            }
            Err(why) => lack.push(format!("{}: {why}", server.name())),
        }
    }
    if lack.is_empty() { Ok(()) } else { Err(not_all(&have, &lack)) }
}

fn not_all(have: &[String], lack: &[String]) -> Failure {
    let have = if have.is_empty() { "no primary".into() } else { have.join(", ") };
    let lack = lack.join("\n           ");
    Failure::Could(format!(
        "not all primaries have it.\n  Have it: {have}\n  Lack it: {lack}\n\
         Apply it again: that does no harm."
    ))
}

/// Makes that difference, which it answers, where all primaries answer.
async fn change(
    server: &mut Server,
    difference: Difference,
    all_answer: bool,
) -> Result<Difference, Away> {
    if !difference.is_empty() && !all_answer {
        return Err(Away("nothing was changed, since not all primaries answer".into()));
    }
    let load = difference.to_load();
    if !load.0.is_empty() {
        server.ask_one(command(&["RL.POLICY", "LOAD", &load.to_json()])).await?;
    }
    let names: Vec<&str> = difference.to_remove().collect();
    if !names.is_empty() {
        server.ask_one(command(&[&["RL.POLICY", "DEL"], names.as_slice()].concat())).await?;
    }
    Ok(difference)
}

/// What the file would change at each primary.
async fn compare<'a>(
    primaries: &'a mut Primaries,
    wanted: &Policies,
) -> Result<Vec<Compared<'a>>, Failure> {
    let url = primaries.name();
    primaries.require_primaries().await.map_err(|why| could_not(&url, &why))?;
    let compared = join_all(primaries.servers().iter_mut().map(async |server| {
        let difference = policies_of(server).await.map(|has| Difference::between(&has, wanted));
        (server, difference)
    }));
    Ok(compared.await)
}

async fn policies_of(server: &mut Server) -> Result<Policies, Away> {
    let dump = server.ask_one(command(&["RL.POLICY", "DUMP"])).await?;
    Policies::read(&text(&dump)).map_err(|why| Away(format!("what it has cannot be read: {why}")))
}

fn could_not(name: &str, why: &Away) -> Failure {
    Failure::Could(format!("{name}: {why}"))
}
