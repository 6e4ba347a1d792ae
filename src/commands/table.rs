//! Every command, one row each. The rows feed registration, COMMAND DOCS, RL.HELP and the syntax
//! lines of the documentation.

use std::ffi::{CStr, c_int};

use super::{about, apply, limit, peek, single, throttle, top};
use crate::server::call::entry;
use crate::server::log;
use crate::server::register::{Argument, Entry, KeyUse, Kind, Loading, Registration};
use crate::state;

/// What a command does to its key: decides flags and ACL categories.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Decides and records.
    Consume,
    /// Only looks.
    Look,
    /// Has no key.
    Keyless,
    /// Shows operators what goes on, as SLOWLOG does.
    Report,
    /// Puts state in place: RESTORE's flags and categories.
    Restore,
}

impl Access {
    fn flags(self) -> &'static CStr {
        match self {
            // Without deny-oom: what needs no memory goes on, the rest asks for itself.
            Self::Consume => c"write fast",
            Self::Look => c"readonly fast",
            Self::Keyless => c"fast allow-loading allow-stale",
            Self::Report => c"admin allow-loading allow-stale",
            Self::Restore => c"write deny-oom",
        }
    }

    fn key(self) -> Option<KeyUse> {
        match self {
            Self::Consume | Self::Restore => Some(KeyUse::Update),
            Self::Look => Some(KeyUse::Read),
            Self::Keyless | Self::Report => None,
        }
    }

    fn categories(self) -> &'static str {
        match self {
            Self::Consume => "write fast",
            Self::Look => "read fast",
            Self::Keyless => "fast",
            Self::Report => "admin slow dangerous",
            Self::Restore => "keyspace write slow dangerous",
        }
    }
}

/// One command.
struct Row {
    name: &'static CStr,
    entry: Entry,
    access: Access,
    arguments: &'static [Argument],
    summary: &'static CStr,
    complexity: &'static CStr,
}

macro_rules! row {
    ($name:expr, $run:path, $access:ident, $arguments:expr, $summary:literal, $complexity:literal) => {
        Row {
            name: $name,
            entry: entry!($name, $run),
            access: Access::$access,
            arguments: $arguments,
            summary: $summary,
            complexity: $complexity,
        }
    };
}

const SINCE: &CStr = c"0.1.0";

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

const CLAUSES: &[Argument] = &[
    argument(c"fixed", Kind::Block(&[word(c"fixed", c"FIXED"), LIMIT, PERIOD])),
    argument(c"sliding", Kind::Block(&[word(c"sliding", c"SLIDING"), LIMIT, PERIOD])),
    argument(c"log", Kind::Block(&[word(c"log", c"LOG"), LIMIT, PERIOD])),
    argument(c"token", Kind::Block(&[word(c"token", c"TOKEN"), CAPACITY, REFILL, PERIOD])),
    argument(c"leaky", Kind::Block(&[word(c"leaky", c"LEAKY"), CAPACITY, LEAK, PERIOD])),
];

const CLAUSE: Argument = Argument { multiple: true, ..argument(c"clause", Kind::OneOf(CLAUSES)) };

const THROTTLE: &[Argument] = &[
    KEY,
    argument(c"max_burst", Kind::Integer),
    argument(c"count", Kind::Integer),
    PERIOD,
    Argument { optional: true, ..argument(c"quantity", Kind::Integer) },
];

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
    row!(
        c"rl.throttle",
        throttle::throttle,
        Consume,
        THROTTLE,
        c"Limits by a token bucket with the arguments and the reply of redis-cell",
        c"O(1)"
    ),
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
    row!(c"rl.help", about::help, Keyless, &[], c"Lists the commands of the module", c"O(1)"),
    row!(c"rl.version", about::version, Keyless, &[], c"Shows the version of the module", c"O(1)"),
];

/// The name under which redis-cell's clients call RL.THROTTLE.
const CELL: Row = row!(
    c"cl.throttle",
    throttle::throttle,
    Consume,
    THROTTLE,
    c"The same as RL.THROTTLE, under the name that clients of redis-cell use",
    c"O(1)"
);

/// What replicas, AOF files and migrated slots are sent.
const INTERNAL: Row = row!(
    state::COMMAND,
    apply::apply,
    Restore,
    &[KEY, argument(c"effect", Kind::Text)],
    c"An internal command that carries the effect of others",
    c"O(N) with N limiters and log entries in the effect"
);

/// Registers every command.
pub(crate) fn register(loading: &Loading) -> Result<(), String> {
    let own_category = loading.add_category(crate::TYPE_NAME);
    let register = |row: &Row| loading.register(&row.registration(own_category));
    for row in PUBLIC.iter().chain([&INTERNAL]) {
        register(row).map_err(|_| format!("the server does not accept {}", upper(row.name)))?;
    }
    if register(&CELL).is_err() {
        log::notice("CL.THROTTLE is another module's; RL.THROTTLE is the same");
    }
    Ok(())
}

/// One line per command: its syntax and what it is for.
pub(super) fn help() -> Vec<String> {
    PUBLIC
        .iter()
        .map(|row| format!("{}: {}.", row.syntax(), row.summary.to_string_lossy()))
        .collect()
}

impl Row {
    fn registration(&self, own_category: bool) -> Registration<'_> {
        let mut categories = String::from(self.access.categories());
        // Who may limit may not thereby restore.
        if own_category && !matches!(self.access, Access::Restore | Access::Report) {
            categories.push(' ');
            categories.push_str(&crate::TYPE_NAME.to_string_lossy());
        }
        Registration {
            name: self.name,
            entry: self.entry,
            flags: self.access.flags(),
            key: self.access.key(),
            arity: self.arity(),
            summary: self.summary,
            complexity: self.complexity,
            since: SINCE,
            arguments: self.arguments,
            categories,
        }
    }

    /// Number of words, the name counted; negative if that is the least.
    fn arity(&self) -> c_int {
        let least = self.arguments.iter().map(least_words).fold(1, c_int::saturating_add);
        let open = self.arguments.iter().any(|argument| argument.optional || argument.multiple);
        if open { least.saturating_neg() } else { least }
    }

    /// `RL.FIXED key limit period [COST n]`, and what each choice in it may be.
    fn syntax(&self) -> String {
        let mut line = upper(self.name);
        for argument in self.arguments {
            line.push(' ');
            line.push_str(&syntax(argument));
        }
        for argument in self.arguments {
            if let Kind::OneOf(choices) = argument.kind {
                let choices: Vec<_> = choices.iter().map(syntax).collect();
                let name = argument.name.to_string_lossy();
                line.push_str(&format!("; {name}: {}", choices.join(" | ")));
            }
        }
        line
    }
}

fn least_words(argument: &Argument) -> c_int {
    let words = match argument.kind {
        Kind::Key | Kind::Integer | Kind::Text | Kind::Word => 1,
        Kind::OneOf(choices) => choices.iter().map(least_words).min().unwrap_or(0),
        Kind::Block(parts) => parts.iter().map(least_words).fold(0, c_int::saturating_add),
    };
    if argument.optional { 0 } else { words }
}

fn syntax(argument: &Argument) -> String {
    let name = argument.name.to_string_lossy();
    let one = match (argument.token, argument.kind) {
        (Some(token), Kind::Word) => token.to_string_lossy().into_owned(),
        (Some(token), _) => format!("{} {name}", token.to_string_lossy()),
        (None, Kind::Block(parts)) => parts.iter().map(syntax).collect::<Vec<_>>().join(" "),
        (None, _) => name.into_owned(),
    };
    match (argument.optional, argument.multiple) {
        (true, _) => format!("[{one}]"),
        (false, true) => format!("{one} [{one} ...]"),
        (false, false) => one,
    }
}

fn upper(name: &CStr) -> String {
    name.to_string_lossy().to_uppercase()
}
