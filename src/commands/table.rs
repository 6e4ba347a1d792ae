//! Every command, one row each. The rows feed registration, COMMAND DOCS, RL.HELP and the syntax
//! lines of the documentation.

use std::ffi::CStr;
use std::sync::OnceLock;

use super::row::{Access, Row};
use super::{about, apply, limit, peek, policy, single, throttle, top};
use crate::server::call::entry;
use crate::server::log;
use crate::server::register::{Argument, Kind, Loading};
use crate::state;

macro_rules! row {
    ($parent:literal | $name:literal, $($rest:tt)*) => {
        Row { parent: Some($parent), ..row!($name, $($rest)*) }
    };
    ($name:expr, $run:path, $access:ident, $arguments:expr, $summary:literal, $complexity:literal) => {
        Row {
            parent: None,
            may_be_taken: false,
            name: $name,
            entry: entry!($name, $run),
            access: Access::$access,
            arguments: $arguments,
            summary: $summary,
            complexity: $complexity,
        }
    };
}

const fn argument(name: &'static CStr, kind: Kind) -> Argument {
    Argument { name, kind, token: None, optional: false, multiple: false }
}

const KEY: Argument = argument(c"key", Kind::Key);
const LIMIT: Argument = argument(c"limit", Kind::Integer);
const CAPACITY: Argument = argument(c"capacity", Kind::Integer);
const REFILL: Argument = argument(c"refill", Kind::Integer);
const LEAK: Argument = argument(c"leak", Kind::Integer);
const PERIOD: Argument = argument(c"period", Kind::Text);
const COST: Argument =
    Argument { token: Some(c"COST"), optional: true, ..argument(c"n", Kind::Integer) };

const WINDOW: &[Argument] = &[KEY, LIMIT, PERIOD, COST];

const fn word(name: &'static CStr, token: &'static CStr) -> Argument {
    Argument { token: Some(token), ..argument(name, Kind::Word) }
}

const POLICY_CLAUSE: Argument =
    argument(c"policy", Kind::Block(&[word(c"policy", c"POLICY"), argument(c"name", Kind::Text)]));

const FIXED_CLAUSE: Argument =
    argument(c"fixed", Kind::Block(&[word(c"fixed", c"FIXED"), LIMIT, PERIOD]));
const SLIDING_CLAUSE: Argument =
    argument(c"sliding", Kind::Block(&[word(c"sliding", c"SLIDING"), LIMIT, PERIOD]));
const LOG_CLAUSE: Argument = argument(c"log", Kind::Block(&[word(c"log", c"LOG"), LIMIT, PERIOD]));
const TOKEN_CLAUSE: Argument =
    argument(c"token", Kind::Block(&[word(c"token", c"TOKEN"), CAPACITY, REFILL, PERIOD]));
const LEAKY_CLAUSE: Argument =
    argument(c"leaky", Kind::Block(&[word(c"leaky", c"LEAKY"), CAPACITY, LEAK, PERIOD]));

/// What a policy is made of.
const PLAIN_CLAUSES: &[Argument] =
    &[FIXED_CLAUSE, SLIDING_CLAUSE, LOG_CLAUSE, TOKEN_CLAUSE, LEAKY_CLAUSE];

/// What a call is made of.
const CLAUSES: &[Argument] =
    &[FIXED_CLAUSE, SLIDING_CLAUSE, LOG_CLAUSE, TOKEN_CLAUSE, LEAKY_CLAUSE, POLICY_CLAUSE];

const PLAIN_CLAUSE: Argument =
    Argument { multiple: true, ..argument(c"clause", Kind::OneOf(PLAIN_CLAUSES)) };

const NAME: Argument = argument(c"name", Kind::Text);

const CLAUSE: Argument = Argument { multiple: true, ..argument(c"clause", Kind::OneOf(CLAUSES)) };

const THROTTLE: &[Argument] = &[
    KEY,
    argument(c"max_burst", Kind::Integer),
    argument(c"count", Kind::Integer),
    PERIOD,
    Argument { optional: true, ..argument(c"quantity", Kind::Integer) },
];

const RL_THROTTLE: Row = Row {
    may_be_taken: true,
    ..row!(
        c"rl.throttle",
        throttle::throttle,
        Consume,
        THROTTLE,
        c"Limits by a token bucket with the arguments and the reply of redis-cell",
        c"O(1)"
    )
};

const CL_THROTTLE: Row = Row {
    may_be_taken: true,
    ..row!(
        c"cl.throttle",
        throttle::throttle,
        Consume,
        THROTTLE,
        c"The same as RL.THROTTLE, under the name that clients of redis-cell use",
        c"O(1)"
    )
};

/// What every user may call.
const PUBLIC: &[Row] = &[
    row!(
        c"rl.fixed",
        single::fixed,
        Consume,
        WINDOW,
        c"Limits by a fixed window that its first request opens",
        c"O(1)"
    ),
    row!(
        c"rl.sliding",
        single::sliding,
        Consume,
        WINDOW,
        c"Limits by a sliding window of two weighted counters",
        c"O(1)"
    ),
    row!(
        c"rl.log",
        single::log,
        Consume,
        WINDOW,
        c"Limits by a log of what was admitted: never more than limit in any period",
        c"O(1) amortized, O(log N) to tell how long to wait, with N entries in the log"
    ),
    row!(
        c"rl.token",
        single::token,
        Consume,
        &[KEY, CAPACITY, REFILL, PERIOD, COST],
        c"Limits by a token bucket that refills continuously",
        c"O(1)"
    ),
    row!(
        c"rl.leaky",
        single::leaky,
        Consume,
        &[KEY, CAPACITY, LEAK, PERIOD, COST],
        c"Limits by a leaky bucket as a queue, and tells how long to hold a request",
        c"O(1)"
    ),
    row!(
        c"rl.limit",
        limit::limit,
        Consume,
        &[KEY, CLAUSE, COST],
        c"Applies several limits to one key, all or nothing",
        c"O(C*L) with C clauses and L limiters at the key"
    ),
    row!(
        c"rl.peek",
        peek::peek,
        Look,
        &[KEY],
        c"Shows the limiters in use at a key without consuming",
        c"O(L) with L limiters at the key"
    ),
    RL_THROTTLE,
    CL_THROTTLE,
    row!(
        c"rl.top",
        top::top,
        Report,
        &[
            Argument { token: Some(c"COUNT"), optional: true, ..argument(c"n", Kind::Integer) },
            Argument { optional: true, ..word(c"reset", c"RESET") },
        ],
        c"Shows the keys that were denied most",
        c"O(N*log(N)) with N keys in the table"
    ),
    row!(
        c"rl.policy" | c"set",
        policy::set,
        Govern,
        &[NAME, PLAIN_CLAUSE],
        c"Makes a name stand for a list of clauses",
        c"O(log(N)) with N policies"
    ),
    row!(
        c"rl.policy" | c"get",
        policy::get,
        Keyless,
        &[NAME],
        c"Shows what a policy stands for",
        c"O(log(N)) with N policies"
    ),
    row!(
        c"rl.policy" | c"del",
        policy::del,
        Govern,
        &[Argument { multiple: true, ..NAME }],
        c"Forgets policies",
        c"O(M*log(N)) with M names and N policies"
    ),
    row!(
        c"rl.policy" | c"list",
        policy::list,
        Listing,
        &[],
        c"Lists the policies",
        c"O(N) with N policies"
    ),
    row!(
        c"rl.policy" | c"load",
        policy::load,
        Govern,
        &[argument(c"json", Kind::Text)],
        c"Makes all policies of a JSON object, or none",
        c"O(N) with N policies"
    ),
    row!(
        c"rl.policy" | c"dump",
        policy::dump,
        Listing,
        &[],
        c"Shows all policies as JSON",
        c"O(N) with N policies"
    ),
    row!(c"rl.help", about::help, Keyless, &[], c"Lists the commands of the module", c"O(1)"),
    row!(c"rl.version", about::version, Keyless, &[], c"Shows the version of the module", c"O(1)"),
];

/// What replicas, AOF files and migrated slots are sent.
const INTERNAL: Row = row!(
    state::COMMAND,
    apply::apply,
    Restore,
    &[KEY, argument(c"effect", Kind::Text)],
    c"An internal command that carries the effect of others",
    c"O(N) with N limiters and log entries in the effect"
);

/// Commands whose names others had before.
static TAKEN: OnceLock<Vec<&'static CStr>> = OnceLock::new();

/// Registers every command.
pub(crate) fn register(loading: &Loading) -> Result<(), String> {
    let own_category = loading.add_category(crate::TYPE_NAME);
    let mut taken = Vec::new();
    for row in PUBLIC.iter().chain([&INTERNAL]) {
        let name = row.full_name();
        match loading.register(&row.registration(own_category)) {
            Ok(()) => {}
            Err(_) if row.may_be_taken => {
                log::notice(&format!("{name} is another's; RL.TOKEN decides the same"));
                taken.push(row.name);
            }
            Err(_) => return Err(format!("the server does not accept {name}")),
        }
    }
    let _ = TAKEN.set(taken);
    Ok(())
}

/// One line per command: its syntax and what it is for.
pub(super) fn help() -> Vec<String> {
    let taken = TAKEN.get().map(Vec::as_slice).unwrap_or_default();
    PUBLIC
        .iter()
        .filter(|row| !taken.contains(&row.name))
        .map(|row| format!("{}: {}.", row.syntax(), row.summary.to_string_lossy()))
        .collect()
}
