//! What a call asks of one key, where it asks for more than limits: a place, limits on trial, a ban.

use arrayvec::ArrayVec;
use rl_core::bounds::MAX_CLAUSES;
use rl_core::{ChargeId, Clause, Group, GroupOutcome, LeaseAsk, Limiters, Trial, Verdict};

use super::reply;
use crate::metrics;
use crate::policies::Policy;
use crate::server::{Answer, Call};
use crate::settings::NOTIFY_DENIED;
use crate::words::Error;
use crate::words::clause::{AnyClause, Extra};
use crate::words::clauses::OfKey;

/// The limits on trial of a key, in order, and the policies that brought them.
pub(in crate::commands) struct Shadows {
    limits: ArrayVec<Clause, MAX_CLAUSES>,
    policies: ArrayVec<Option<usize>, MAX_CLAUSES>,
}

impl Shadows {
    #[inline(always)]
    pub(in crate::commands) fn of(clauses: OfKey<'_>) -> Self {
        let mut shadows = Self { limits: ArrayVec::new_const(), policies: ArrayVec::new_const() };
        for (limit, policy) in clauses.shadows() {
            // A call has no more clauses than there is room for.
            let _ = shadows.limits.try_push(limit);
            let _ = shadows.policies.try_push(policy);
        }
        shadows
    }
}

/// `clauses` as the core is asked them, at a cost, by a call with that id.
pub(in crate::commands) fn asked<'a>(
    clauses: OfKey<'a>,
    shadows: &'a Shadows,
    cost: u64,
    id: Option<&'a ChargeId>,
) -> Result<Group<'a>, Error> {
    let (lease, ban) = (clauses.lease(), clauses.ban());
    if ban.is_some() && lease.is_none() && clauses.limits.is_empty() {
        return Err(Error::BanAlone);
    }
    let lease = match (lease, id) {
        (None, _) => None,
        (Some(_), None) => return Err(Error::LeaseWithoutId),
        (Some(clause), Some(id)) => Some(LeaseAsk { clause, id, places: u64::from(cost > 0) }),
    };
    let (limits, shadows) = (clauses.limits, &shadows.limits);
    Ok(Group { clauses: limits, cost, lease, shadows, ban, ..Group::default() })
}

/// Leaves out what needs memory where there is none for it, of what the call can do without.
pub(in crate::commands) fn find_memory<const N: usize>(
    call: &Call<'_>,
    outcomes: &mut [GroupOutcome<N>],
) -> Result<(), Error> {
    if outcomes.iter().any(GroupOutcome::grows) {
        call.check_memory()?;
    }
    if outcomes.iter().any(GroupOutcome::grows_aside) && call.check_memory().is_err() {
        outcomes.iter_mut().for_each(GroupOutcome::skip_growth);
    }
    Ok(())
}

/// Lets operators see what limits on trial would have refused, and who is shut out.
pub(in crate::commands) fn tell<const N: usize>(
    call: &Call<'_>,
    shadows: &Shadows,
    outcome: &GroupOutcome<N>,
    policies: &[std::sync::Arc<Policy>],
) {
    let mut any_denied = false;
    for (trial, policy) in outcome.trials().iter().zip(&shadows.policies) {
        metrics::tried(*trial);
        if *trial == Trial::Denied {
            any_denied = true;
            let policy = policy.and_then(|place| policies.get(place));
            policy.iter().for_each(|policy| policy.shadow_denied.add());
        }
    }
    if any_denied {
        metrics::shadow_denied(call.key_bytes());
        if NOTIFY_DENIED.is_on() {
            call.notify(c"rl.shadow");
        }
    }
    if outcome.ban_begins() {
        metrics::ban_started();
        if NOTIFY_DENIED.is_on() {
            call.notify(c"rl.banned");
        }
    }
}

/// The verdicts of the key's clauses in the order in which they were asked, those of limits on trial
/// left out.
pub(in crate::commands) fn answer<const N: usize>(
    answer: &mut Answer<'_>,
    clauses: OfKey<'_>,
    outcome: &GroupOutcome<N>,
) {
    let mut verdicts = outcome.outcome.verdicts.iter();
    if clauses.extras.is_empty() {
        verdicts.take(clauses.limits.len()).for_each(|verdict| reply::verdict(answer, verdict));
        return;
    }
    for clause in clauses.in_order() {
        let told: Option<Verdict> = match clause {
            AnyClause::Limit(_) => verdicts.next().copied(),
            AnyClause::Extra(Extra::Lease(_)) => outcome.lease(),
            AnyClause::Extra(Extra::Ban(_)) => outcome.ban(),
            AnyClause::Extra(Extra::Shadow(_)) => None,
        };
        if let Some(verdict) = told {
            reply::verdict(answer, &verdict);
        }
    }
}

/// Decides what one key is asked, in place: an outcome is too large to be handed on.
pub(in crate::commands) fn decide<const N: usize>(
    outcome: &mut GroupOutcome<N>,
    stored: Option<&Limiters>,
    group: Group<'_>,
    now: rl_core::Now,
) -> Result<(), Error> {
    let id = group.charge.map(|charge| &charge.id);
    let decided = outcome.decide(&Group { stored, ..group }, now);
    decided.map_err(|refused| Error::of_refused(refused, id))
}
