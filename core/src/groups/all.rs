//! How a call on several keys is decided.

use super::group::Group;
use super::outcome::GroupOutcome;
use super::refused::Refused;
use crate::now::Now;

/// Decides a call on several keys, one group each, into as many of `outcomes`: only if all of them
/// admit it is anything charged, at any. Whether they do. A group whose id is known is a repeat;
/// the others are decided.
///
/// # Errors
/// Those of [`Refused`]; nothing is to be recorded at any key then.
pub fn decide_all<const N: usize>(
    groups: &[Group<'_>],
    outcomes: &mut [GroupOutcome<N>],
    now: Now,
) -> Result<bool, Refused> {
    let (mut all_admit, mut any_barred) = (true, false);
    for (group, outcome) in groups.iter().zip(outcomes.iter_mut()) {
        outcome.weigh(group, now)?;
        all_admit &= outcome.admits;
        any_barred |= outcome.is_barred();
    }
    for (group, outcome) in groups.iter().zip(outcomes.iter_mut()) {
        if all_admit {
            outcome.grant(group, now)?;
        } else {
            outcome.deny(group, !any_barred, now);
        }
    }
    Ok(all_admit)
}
