//! One row of the table, and what is derived from it: registration, arity, syntax line.

use std::ffi::{CStr, CString, c_int};

use crate::server::calls::register::{Argument, Entry, KeyUse, Kind, Registration};

/// What a command does to its key: decides flags and ACL categories.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Decides and records.
    Consume,
    /// Decides and records at several keys.
    ConsumeAll,
    /// Only looks.
    Look,
    /// Has no key.
    Keyless,
    /// Has no key, and tells of all policies that there are.
    Listing,
    /// Shows operators what goes on, as SLOWLOG does.
    Report,
    /// Changes what all keys are held to.
    Govern,
    /// Puts state in place: RESTORE's flags and categories.
    Restore,
}

impl Access {
    fn flags(self) -> &'static CStr {
        match self {
            // Without deny-oom: what needs no memory goes on, the rest asks for itself.
            Self::Consume => c"write fast",
            Self::ConsumeAll => c"write fast getkeys-api",
            Self::Look => c"readonly fast",
            Self::Keyless => c"fast allow-loading allow-stale",
            Self::Listing => c"allow-loading allow-stale",
            Self::Report => c"admin allow-loading allow-stale",
            Self::Govern => c"admin write deny-oom",
            Self::Restore => c"write deny-oom",
        }
    }

    fn key(self) -> Option<KeyUse> {
        match self {
            Self::Consume | Self::ConsumeAll | Self::Restore => Some(KeyUse::Update),
            Self::Look => Some(KeyUse::Read),
            Self::Keyless | Self::Listing | Self::Report | Self::Govern => None,
        }
    }

    /// Each primary of a cluster has policies, tables and counts of its own.
    fn tips(self) -> Option<&'static CStr> {
        (self == Self::Govern).then_some(c"request_policy:all_shards response_policy:all_succeeded")
    }

    fn categories(self) -> &'static str {
        match self {
            Self::Consume | Self::ConsumeAll => "write fast",
            Self::Look => "read fast",
            Self::Keyless => "fast",
            Self::Listing => "slow",
            Self::Report | Self::Govern => "admin slow dangerous",
            Self::Restore => "keyspace write slow dangerous",
        }
    }
}

/// One command.
pub(super) struct Row {
    /// The command of which it is a subcommand.
    pub(super) parent: Option<&'static CStr>,
    pub(super) name: &'static CStr,
    /// The version of the module that had it first.
    pub(super) since: &'static CStr,
    /// Whether it may be missing, because the server or another module has one of this name.
    pub(super) may_be_taken: bool,
    pub(super) entry: Entry,
    pub(super) access: Access,
    pub(super) arguments: &'static [Argument],
    pub(super) summary: &'static CStr,
    pub(super) complexity: &'static CStr,
}

impl Row {
    pub(super) fn registration(&self, own_category: bool) -> Registration<'_> {
        let mut categories = String::from(self.access.categories());
        // Who may limit may not thereby restore.
        if own_category && !matches!(self.access, Access::Restore | Access::Report | Access::Govern)
        {
            categories.push(' ');
            categories.push_str(crate::NAME);
        }
        Registration {
            parent: self.parent,
            name: self.name,
            entry: self.entry,
            flags: self.access.flags(),
            key: self.access.key(),
            more_keys: self.access == Access::ConsumeAll,
            arity: self.arity(),
            summary: self.summary,
            complexity: self.complexity,
            since: self.since,
            tips: self.access.tips(),
            arguments: self.arguments,
            categories,
        }
    }

    /// Number of words, the name counted; negative if that is the least.
    fn arity(&self) -> c_int {
        let name = if self.parent.is_some() { 2 } else { 1 };
        let least = self.arguments.iter().map(least_words).fold(name, c_int::saturating_add);
        let open = self.arguments.iter().any(|argument| argument.optional || argument.multiple);
        if open { least.saturating_neg() } else { least }
    }

    pub(super) fn full_name(&self) -> String {
        self.parent.map(|parent| upper(parent) + " ").unwrap_or_default() + &upper(self.name)
    }

    /// The line of RL.HELP: syntax, and what it is for.
    pub(super) fn help(&self) -> CString {
        let line = format!("{}: {}.", self.syntax(), self.summary.to_string_lossy());
        CString::new(line).unwrap_or_default()
    }

    /// `RL.FIXED key limit period [COST n]`, and what each choice in it may be.
    fn syntax(&self) -> String {
        let mut line = self.full_name();
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
        (true, false) => format!("[{one}]"),
        (true, true) => format!("[{one}] ..."),
        (false, true) => format!("{one} [{one} ...]"),
        (false, false) => one,
    }
}

fn upper(name: &CStr) -> String {
    name.to_string_lossy().to_uppercase()
}
