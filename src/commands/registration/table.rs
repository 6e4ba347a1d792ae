//! Every command, one row each. The rows feed registration, COMMAND DOCS, RL.HELP and the syntax
//! lines of the documentation.

use super::about;
use super::arguments::{
    CAPACITY, CHARGE, CLAUSE, COST, DURATION, ID, KEY, LEAK, LIMIT, NAME, PERIOD, PLAIN_CLAUSE,
    REFILL, THROTTLE, WINDOW, argument, word,
};
use super::row::{Access, Row};
use crate::commands::consuming::{all, lease, limit, settle, single, throttle};
use crate::commands::{apply, peek, policy, top};
use crate::server::calls::call::entry;
use crate::server::calls::register::{Argument, Kind};
use crate::state;

macro_rules! row {
    ($parent:literal | $name:literal, $($rest:tt)*) => {
        Row { parent: Some($parent), ..row!($name, $($rest)*) }
    };
    (
        $name:expr,
        since $since:literal,
        $run:path,
        $access:ident,
        $arguments:expr,
        $summary:literal,
        $complexity:literal
    ) => {
        Row {
            parent: None,
            may_be_taken: false,
            name: $name,
            since: $since,
            entry: entry!($name, $run),
            access: Access::$access,
            arguments: $arguments,
            summary: $summary,
            complexity: $complexity,
        }
    };
}

const RL_THROTTLE: Row = Row {
    may_be_taken: true,
    ..row!(
        c"rl.throttle",
        since c"0.1.0",
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
        since c"0.1.0",
        throttle::throttle,
        Consume,
        THROTTLE,
        c"The same as RL.THROTTLE, under the name that clients of redis-cell use",
        c"O(1)"
    )
};

/// What every user may call.
pub(super) const PUBLIC: &[Row] = &[
    row!(
        c"rl.fixed",
        since c"0.1.0",
        single::fixed,
        Consume,
        WINDOW,
        c"Limits by a fixed window that its first request opens",
        c"O(1)"
    ),
    row!(
        c"rl.sliding",
        since c"0.1.0",
        single::sliding,
        Consume,
        WINDOW,
        c"Limits by a sliding window of two weighted counters",
        c"O(1)"
    ),
    row!(
        c"rl.log",
        since c"0.1.0",
        single::log,
        Consume,
        WINDOW,
        c"Limits by a log of what was admitted: never more than limit in any period",
        c"O(1) amortized, O(log N) to tell how long to wait, with N entries in the log"
    ),
    row!(
        c"rl.token",
        since c"0.1.0",
        single::token,
        Consume,
        &[KEY, CAPACITY, REFILL, PERIOD, COST, CHARGE],
        c"Limits by a token bucket that refills continuously",
        c"O(1)"
    ),
    row!(
        c"rl.leaky",
        since c"0.1.0",
        single::leaky,
        Consume,
        &[KEY, CAPACITY, LEAK, PERIOD, COST, CHARGE],
        c"Limits by a leaky bucket as a queue, and tells how long to hold a request",
        c"O(1)"
    ),
    row!(
        c"rl.limit",
        since c"0.1.0",
        limit::limit,
        Consume,
        &[KEY, CLAUSE, COST, CHARGE],
        c"Applies several limits to one key, all or nothing",
        c"O(C*L) with C clauses and L limiters at the key"
    ),
    row!(
        c"rl.all",
        since c"0.1.0",
        all::all,
        ConsumeAll,
        &[
            KEY,
            CLAUSE,
            COST,
            Argument {
                optional: true,
                multiple: true,
                ..argument(
                    c"group",
                    Kind::Block(&[Argument { token: Some(c"AND"), ..KEY }, CLAUSE, COST])
                )
            },
            CHARGE,
        ],
        c"Applies limits to several keys, each with its cost, all or nothing",
        c"O(C*L) with C clauses and L limiters at each key"
    ),
    row!(
        c"rl.settle",
        since c"0.1.0",
        settle::settle,
        Consume,
        &[KEY, ID, argument(c"cost", Kind::Integer)],
        c"Corrects what the call with an id cost: less, more, or nothing at all",
        c"O(R) with R receipts at the key, of which few are looked at"
    ),
    row!(
        c"rl.lease",
        since c"0.1.0",
        lease::lease,
        Consume,
        &[KEY, LIMIT, DURATION, ID, COST],
        c"Takes a place among so many at once, held for a while unless it is renewed or released",
        c"O(N) with N leases at the key, of which few are looked at"
    ),
    row!(
        c"rl.renew",
        since c"0.1.0",
        lease::renew,
        Consume,
        &[KEY, DURATION, Argument { multiple: true, ..ID }],
        c"Holds places for longer",
        c"O(N + M*log(M)) with M ids and N leases at the key"
    ),
    row!(
        c"rl.release",
        since c"0.1.0",
        lease::release,
        Consume,
        &[KEY, Argument { multiple: true, ..ID }],
        c"Gives places back",
        c"O(N + M*log(M)) with M ids and N leases at the key"
    ),
    row!(
        c"rl.peek",
        since c"0.1.0",
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
        since c"0.1.0",
        top::top,
        Report,
        &[
            Argument { optional: true, ..word(c"shadow", c"SHADOW") },
            Argument { token: Some(c"COUNT"), optional: true, ..argument(c"n", Kind::Integer) },
            Argument { optional: true, ..word(c"reset", c"RESET") },
        ],
        c"Shows the keys that were denied most",
        c"O(N*log(N)) with N keys in the table"
    ),
    row!(
        c"rl.policy" | c"set",
        since c"0.1.0",
        policy::set,
        Govern,
        &[NAME, PLAIN_CLAUSE],
        c"Makes a name stand for a list of clauses",
        c"O(log(N)) with N policies"
    ),
    row!(
        c"rl.policy" | c"get",
        since c"0.1.0",
        policy::get,
        Keyless,
        &[NAME],
        c"Shows what a policy stands for",
        c"O(log(N)) with N policies"
    ),
    row!(
        c"rl.policy" | c"del",
        since c"0.1.0",
        policy::del,
        Govern,
        &[Argument { multiple: true, ..NAME }],
        c"Forgets policies",
        c"O(M*log(N)) with M names and N policies"
    ),
    row!(
        c"rl.policy" | c"list",
        since c"0.1.0",
        policy::list,
        Listing,
        &[],
        c"Lists the policies",
        c"O(N) with N policies"
    ),
    row!(
        c"rl.policy" | c"load",
        since c"0.1.0",
        policy::load,
        Govern,
        &[argument(c"json", Kind::Text)],
        c"Makes all policies of a JSON object, or none",
        c"O(N) with N policies"
    ),
    row!(
        c"rl.policy" | c"dump",
        since c"0.1.0",
        policy::dump,
        Listing,
        &[],
        c"Shows all policies as JSON",
        c"O(N) with N policies"
    ),
    row!(
        c"rl.help",
        since c"0.1.0",
        about::help,
        Keyless,
        &[],
        c"Lists the commands of the module",
        c"O(1)"
    ),
    row!(
        c"rl.version",
        since c"0.1.0",
        about::version,
        Keyless,
        &[],
        c"Shows the version of the module",
        c"O(1)"
    ),
];

/// What replicas, AOF files and migrated slots are sent.
pub(super) const INTERNAL: Row = row!(
    state::COMMAND,
    since c"0.1.0",
    apply::apply,
    Restore,
    &[KEY, argument(c"effect", Kind::Text)],
    c"An internal command that carries the effect of others",
    c"O(N) with N limiters and log entries in the effect"
);
