//! A server that moves what it is offered.

use rl_core::Relocate;

/// Puts everything elsewhere, and counts.
#[derive(Default)]
pub(crate) struct Elsewhere(pub(crate) usize);

impl Relocate for Elsewhere {
    fn vec<T>(&mut self, vec: &mut Vec<T>) {
        let mut moved = Vec::with_capacity(vec.capacity());
        moved.append(vec);
        *vec = moved;
        self.0 += 1;
    }

    fn boxed<T>(&mut self, _value: &mut Box<T>) {
        self.0 += 1;
    }
}
