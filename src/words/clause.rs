//! One clause of a call or a policy: a limit, or what there is beside limits; as text.

use std::fmt::Write;

use rl_core::{BanClause, Clause, LeaseClause};

use super::periods::period_text;

/// A clause of a call or a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyClause {
    /// A limit.
    Limit(Clause),
    /// Anything else.
    Extra(Extra),
}

/// A clause that is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// A place among so many at once.
    Lease(LeaseClause),
    /// A limit on trial.
    Shadow(Clause),
    /// Who does not wait is shut out.
    Ban(BanClause),
}

/// The words that begin clauses which are no limits, and how these are written.
pub(crate) const LEASE: (&[u8], &str) = (b"LEASE", "LEASE limit duration");
pub(crate) const SHADOW: (&[u8], &str) = (b"SHADOW", "SHADOW clause");
pub(crate) const BAN: (&[u8], &str) = (b"BAN", "BAN refusals period ban [max]");

/// `clause` as RL.LIMIT takes it.
pub(crate) fn to_text(clause: &AnyClause) -> String {
    let mut text = String::new();
    let _ = match clause {
        AnyClause::Limit(limit) => write_limit(&mut text, limit),
        AnyClause::Extra(Extra::Shadow(limit)) => {
            text.push_str("SHADOW ");
            write_limit(&mut text, limit)
        }
        AnyClause::Extra(Extra::Lease(LeaseClause { limit, duration_ms })) => {
            write!(text, "LEASE {limit} {}", period_text(*duration_ms))
        }
        AnyClause::Extra(Extra::Ban(BanClause { refusals, period_ms, ban_ms, max_ms })) => {
            let (period, ban) = (period_text(*period_ms), period_text(*ban_ms));
            let _ = write!(text, "BAN {refusals} {period} {ban}");
            if max_ms == ban_ms { Ok(()) } else { write!(text, " {}", period_text(*max_ms)) }
        }
    };
    text
}

fn write_limit(text: &mut String, clause: &Clause) -> std::fmt::Result {
    write!(text, "{} {}", clause.algorithm.word(), clause.limit)?;
    if clause.algorithm.has_refill() {
        write!(text, " {}", clause.refill)?;
    }
    write!(text, " {}", period_text(clause.period_ms))
}
