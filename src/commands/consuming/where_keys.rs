//! Where the keys of RL.ALL are: for ACL, COMMAND GETKEYS and clusters.
//!
//! What is wrong with a call is said when it is carried out. It is walked here as far as its words
//! are what they may be, so that all keys are told that it would touch, and those of a call whose
//! numbers are wrong, or whose policies are not known here, as well.

use rl_core::Algorithm;

use super::asked::{is_and, is_policy};
use crate::server::{Call, Words};
use crate::words::clause::{BAN, LEASE, SHADOW};
use crate::words::endings::is_cost;
use crate::words::extras::is_max;

/// Tells the server, which asked for it, the keys of `call`.
pub(super) fn tell_keys(call: &Call<'_>) {
    let mut words = call.all_words();
    while words.has_more() {
        call.tell_key(&words);
        words.next();
        if !skip_to_next(&mut words) {
            return;
        }
    }
}

/// Goes on to behind the next AND; false if there is none.
fn skip_to_next(words: &mut Words<'_>) -> bool {
    while let Some(word) = words.next() {
        if is_and(word) {
            return true;
        }
        let is = |other: (&[u8], &str)| word.eq_ignore_ascii_case(other.0);
        let arguments = match Algorithm::from_word(word) {
            Some(algorithm) => algorithm.arguments(),
            None if is_policy(word) || is_cost(word) => 1,
            None if is(LEASE) => 2,
            None if is(SHADOW) => 0,
            None if is(BAN) => 3,
            None => return false,
        };
        for _ in 0..arguments {
            words.next();
        }
        if is(BAN) && words.clone().next().is_some_and(is_max) {
            words.next();
        }
    }
    false
}
