//! The arguments of commands, for COMMAND DOCS and the syntax lines.

use std::ffi::CStr;

use rl_core::for_each_algorithm;

use crate::server::calls::register::{Argument, Kind};

pub(super) const fn argument(name: &'static CStr, kind: Kind) -> Argument {
    Argument { name, kind, token: None, optional: false, multiple: false }
}

pub(super) const KEY: Argument = argument(c"key", Kind::Key);
pub(super) const LIMIT: Argument = argument(c"limit", Kind::Integer);
pub(super) const CAPACITY: Argument = argument(c"capacity", Kind::Integer);
pub(super) const REFILL: Argument = argument(c"refill", Kind::Integer);
pub(super) const LEAK: Argument = argument(c"leak", Kind::Integer);
pub(super) const PERIOD: Argument = argument(c"period", Kind::Text);
pub(super) const COST: Argument =
    Argument { token: Some(c"COST"), optional: true, ..argument(c"n", Kind::Integer) };

pub(super) const ID: Argument = argument(c"id", Kind::Text);

/// `ID id [KEEP period]`
pub(super) const CHARGE: Argument = Argument {
    optional: true,
    ..argument(
        c"charge",
        Kind::Block(&[
            Argument { token: Some(c"ID"), ..ID },
            Argument { token: Some(c"KEEP"), optional: true, ..PERIOD },
        ]),
    )
};

pub(super) const WINDOW: &[Argument] = &[KEY, LIMIT, PERIOD, COST, CHARGE];

pub(super) const fn word(name: &'static CStr, token: &'static CStr) -> Argument {
    Argument { token: Some(token), ..argument(name, Kind::Word) }
}

const POLICY_CLAUSE: Argument =
    argument(c"policy", Kind::Block(&[word(c"policy", c"POLICY"), argument(c"name", Kind::Text)]));

/// The argument of that name in the table of algorithms.
macro_rules! clause_argument {
    (limit) => {
        LIMIT
    };
    (capacity) => {
        CAPACITY
    };
    (refill) => {
        REFILL
    };
    (leak) => {
        LEAK
    };
    (period) => {
        PERIOD
    };
}

macro_rules! define_clauses {
    ($(
        $(#[$doc:meta])*
        $algorithm:ident $name:literal $word:literal ($($argument:ident)*)
            tag $tag:literal holds $stored:ty, changes by $change:ty, stands as $standing:ty;
    )*) => {
        /// The limits.
        const PLAIN_CLAUSES: &[Argument] = &[$({
            const NAME: &CStr = c_string(concat!($name, "\0"));
            const TOKEN: &CStr = c_string(concat!($word, "\0"));
            const PARTS: &[Argument] = &[word(NAME, TOKEN), $(clause_argument!($argument)),*];
            argument(NAME, Kind::Block(PARTS))
        }),*];
    };
}

/// `text`, which ends with a zero byte.
const fn c_string(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(string) => string,
        Err(_) => c"",
    }
}

for_each_algorithm!(define_clauses);

pub(super) const DURATION: Argument = argument(c"duration", Kind::Text);

/// The clauses that are no limits.
const EXTRAS: [Argument; 3] = [
    argument(c"lease", Kind::Block(&[word(c"lease", c"LEASE"), LIMIT, DURATION])),
    argument(
        c"shadow",
        Kind::Block(&[word(c"shadow", c"SHADOW"), argument(c"clause", Kind::OneOf(PLAIN_CLAUSES))]),
    ),
    argument(
        c"ban",
        Kind::Block(&[
            word(c"ban", c"BAN"),
            argument(c"refusals", Kind::Integer),
            PERIOD,
            argument(c"ban", Kind::Text),
            Argument { optional: true, ..argument(c"max", Kind::Text) },
        ]),
    ),
];

const POLICY_CLAUSES: &[Argument] = &{
    let mut clauses = [POLICY_CLAUSE; PLAIN_CLAUSES.len() + EXTRAS.len()];
    let (plain, extras) = clauses.split_at_mut(PLAIN_CLAUSES.len());
    plain.copy_from_slice(PLAIN_CLAUSES);
    extras.copy_from_slice(&EXTRAS);
    clauses
};

/// What a call is made of.
const CLAUSES: &[Argument] = &{
    let mut clauses = [POLICY_CLAUSE; POLICY_CLAUSES.len() + 1];
    let (plain, _) = clauses.split_at_mut(POLICY_CLAUSES.len());
    plain.copy_from_slice(POLICY_CLAUSES);
    clauses
};

pub(super) const PLAIN_CLAUSE: Argument =
    Argument { multiple: true, ..argument(c"clause", Kind::OneOf(POLICY_CLAUSES)) };

pub(super) const NAME: Argument = argument(c"name", Kind::Text);

pub(super) const CLAUSE: Argument =
    Argument { multiple: true, ..argument(c"clause", Kind::OneOf(CLAUSES)) };

pub(super) const THROTTLE: &[Argument] = &[
    KEY,
    argument(c"max_burst", Kind::Integer),
    argument(c"count", Kind::Integer),
    PERIOD,
    Argument { optional: true, ..argument(c"quantity", Kind::Integer) },
];
