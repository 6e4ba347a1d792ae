//! Limiters that are unused: which of them go where room is needed.

use crate::bounds::MAX_LIMITERS;
use crate::limiter::Limiter;
use crate::now::Now;

/// Makes room for one more by dropping those that are unused. Large ones shrink first, one at a
/// time, so that no call pays for all of them; the others stay as long as there are places.
/// Those that receipts name stay in any case: `named` has a bit for each place.
pub(crate) fn drop_unused(limiters: &mut Vec<Limiter>, named: u64, now: Now) {
    let in_use = limiters.iter().enumerate();
    let in_use = in_use.filter(|(at, one)| one.is_in_use(now) || is_named(named, *at)).count();
    let mut places = MAX_LIMITERS.saturating_sub(in_use).saturating_sub(1);
    let mut shrinks = true;
    let mut at = 0_usize;
    limiters.retain_mut(|limiter| {
        let stays = limiter.is_in_use(now) || is_named(named, at);
        at = at.saturating_add(1);
        if stays {
            return true;
        }
        if limiter.is_small() || places == 0 {
            return false;
        }
        places = places.saturating_sub(1);
        if std::mem::take(&mut shrinks) {
            limiter.shrink();
        }
        true
    });
}

/// Whether `named` has the bit of that place.
pub(crate) fn is_named(named: u64, place: usize) -> bool {
    let bit = u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place));
    bit.is_some_and(|bit| named & bit != 0)
}
