//! RL.TOP: the keys that are denied most, or that limits on trial would deny.

use super::rights;
use crate::metrics::{self, Calls};
use crate::server::Call;
use crate::words::endings::end;
use crate::words::numbers::Number;
use crate::words::{Error, Quoted};

/// `RL.TOP [SHADOW] [COUNT n] [RESET]`
pub(super) fn top(call: &Call<'_>) -> Result<(), Error> {
    let mut words = call.all_words();
    let (mut count, mut reset) = (None, false);
    let mut calls = Calls::Denied;
    if words.clone().next().is_some_and(|word| word.eq_ignore_ascii_case(b"SHADOW")) {
        calls = Calls::ShadowDenied;
        words.next();
    }
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"RESET") {
            reset = true;
            end(&mut words, "nothing may follow RESET")?;
        } else if count.is_some() {
            let expected = "only RESET may follow COUNT n";
            return Err(Error::Unexpected { was: Quoted::new(word), expected });
        } else if word.eq_ignore_ascii_case(b"COUNT") {
            let n = Number::TOP.read(words.next().unwrap_or_default())?;
            count = Some(usize::try_from(n).unwrap_or(usize::MAX));
        } else {
            let expected = "it may be SHADOW, COUNT n or RESET, in this order";
            return Err(Error::Unexpected { was: Quoted::new(word), expected });
        }
    }
    rights::see_keys(call)?;
    if reset {
        rights::forget_counts(call)?;
    }
    let count = count.unwrap_or(usize::MAX);
    let most = metrics::with_top(calls, |top| {
        let most = top.most();
        if reset {
            top.clear();
        }
        most
    });
    call.reply_array(most.len().min(count));
    for counted in most.iter().take(count) {
        call.reply_array(2);
        call.reply_bulk(&counted.key);
        call.reply_integer(i64::try_from(counted.count).unwrap_or(i64::MAX));
    }
    Ok(())
}
