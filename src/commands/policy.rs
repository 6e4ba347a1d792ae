//! RL.POLICY: named policies.

use super::rights;
use crate::policies::{Policies, json};
use crate::server::Call;
use crate::server::calls::acl;
use crate::words::bounds::{LONGEST_JSON, LONGEST_NAME};
use crate::words::clause::to_text;
use crate::words::limits::Maxima;
use crate::words::{Clauses, Error, Quoted};

/// `RL.POLICY SET name clause [clause ...]`
pub(super) fn set(call: &Call<'_>) -> Result<(), Error> {
    rights::govern(call)?;
    let mut words = call.words();
    let name = words.next().unwrap_or_default();
    if name.len() > LONGEST_NAME {
        return Err(Error::PolicyName { was: Quoted::new(name) });
    }
    let name = text(name)?;
    let mut clauses = Clauses::new(maxima(call));
    while let Some(word) = words.next() {
        clauses.read(word, &mut words)?;
    }
    Policies::in_force().set(name, &clauses.all())?;
    done(call)
}

/// `RL.POLICY GET name`
pub(super) fn get(call: &Call<'_>) -> Result<(), Error> {
    let policy = Policies::in_force().get(call.words().next().unwrap_or_default());
    let Some(policy) = policy else {
        call.reply_null();
        return Ok(());
    };
    call.reply_array(policy.clauses.len());
    policy.clauses.iter().for_each(|clause| call.reply_bulk(to_text(clause)));
    Ok(())
}

/// `RL.POLICY DEL name [name ...]`
pub(super) fn del(call: &Call<'_>) -> Result<(), Error> {
    rights::govern(call)?;
    let mut policies = Policies::in_force();
    let removed = call.words().filter(|name| policies.remove(name)).count();
    drop(policies);
    if removed > 0 {
        replicate(call);
    }
    call.reply_integer(i64::try_from(removed).unwrap_or(i64::MAX));
    Ok(())
}

/// `RL.POLICY LIST`
pub(super) fn list(call: &Call<'_>) -> Result<(), Error> {
    let policies = Policies::in_force();
    call.reply_array(policies.len());
    policies.iter().for_each(|(name, _)| call.reply_bulk(name));
    Ok(())
}

/// `RL.POLICY LOAD json`
pub(super) fn load(call: &Call<'_>) -> Result<(), Error> {
    rights::govern(call)?;
    let json = call.words().next().unwrap_or_default();
    if json.len() > LONGEST_JSON {
        return Err(Error::TooMuchJson { was: json.len() });
    }
    let text = text(json)?;
    let policies = json::read(text, maxima(call)).map_err(Error::Json)?;
    Policies::in_force().add(&policies)?;
    done(call)
}

/// `RL.POLICY DUMP`
pub(super) fn dump(call: &Call<'_>) -> Result<(), Error> {
    let json = json::write(&Policies::in_force());
    call.reply_bulk(json);
    Ok(())
}

/// The largest limits that this call may set. A replica, an AOF and those who come after keep what
/// was accepted once, whatever their own settings.
fn maxima(call: &Call<'_>) -> Maxima {
    if acl::comes_from_the_server(call) { Maxima::ALL } else { Maxima::in_force() }
}

fn done(call: &Call<'_>) -> Result<(), Error> {
    replicate(call);
    call.reply_simple(c"OK");
    Ok(())
}

/// Sends the command on, after what was to be sent before it.
fn replicate(call: &Call<'_>) {
    call.catch_up();
    call.replicate_verbatim();
}

fn text(word: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(word).map_err(|_| Error::NotText { was: Quoted::new(word) })
}
