//! How a queue of many small things gets longer and shorter: by little, for they are counted in
//! bytes each.

use std::collections::VecDeque;

use crate::relocate::Relocate;

/// Makes room for one more, where there are at most `most` of them.
pub(crate) fn for_one_more<T>(queue: &mut VecDeque<T>, most: usize) {
    if queue.len() == queue.capacity() {
        // Many keys have one or two; of a few more, the time that growing takes counts most.
        let least = if (1..64).contains(&queue.len()) { 8 } else { 4 };
        let step = (queue.len() / 32).max(least);
        queue.reserve_exact(step.min(most.saturating_sub(queue.len())).max(1));
    }
}

/// Frees memory where there was a crowd and most of it has gone.
pub(crate) fn give_back<T>(queue: &mut VecDeque<T>) {
    let places = queue.len().saturating_mul(2).saturating_add(16);
    if queue.capacity() > places.saturating_mul(2) {
        queue.shrink_to(places);
    }
}

/// Offers the allocation of `queue` to `relocate`.
pub(crate) fn relocate<T>(queue: &mut VecDeque<T>, relocate: &mut impl Relocate) {
    let mut vec = Vec::from(std::mem::take(queue));
    relocate.vec(&mut vec);
    *queue = VecDeque::from(vec);
}
