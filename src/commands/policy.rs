//! RL.POLICY: named policies.

use super::error::{Error, Quoted};
use crate::policies::{Clauses, Policies, clauses, json};
use crate::server::Call;

/// `RL.POLICY SET name clause [clause ...]`
pub(super) fn set(call: &Call<'_>) -> Result<(), Error> {
    let mut words = call.words();
    let name = text(words.next().unwrap_or_default())?;
    let mut clauses = Clauses::new();
    while let Some(word) = words.next() {
        clauses.read(word, &mut words)?;
    }
    Policies::in_force().set(name, clauses.as_slice())?;
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
    policy.clauses.iter().for_each(|clause| call.reply_bulk(clauses::to_text(clause)));
    Ok(())
}

/// `RL.POLICY DEL name [name ...]`
pub(super) fn del(call: &Call<'_>) -> Result<(), Error> {
    let mut policies = Policies::in_force();
    let removed = call.words().filter(|name| policies.remove(name)).count();
    drop(policies);
    if removed > 0 {
        call.replicate_verbatim();
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
    let text = text(call.words().next().unwrap_or_default())?;
    let policies = json::read(text).map_err(Error::Json)?;
    Policies::in_force().add(&policies)?;
    done(call)
}

/// `RL.POLICY DUMP`
pub(super) fn dump(call: &Call<'_>) -> Result<(), Error> {
    let json = json::write(&Policies::in_force());
    call.reply_bulk(json);
    Ok(())
}

fn done(call: &Call<'_>) -> Result<(), Error> {
    call.replicate_verbatim();
    call.reply_simple(c"OK");
    Ok(())
}

fn text(word: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(word).map_err(|_| Error::NotText { was: Quoted::new(word) })
}
