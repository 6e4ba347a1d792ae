//! Moving memory.

/// Moves allocations to better places: the server's defragmentation.
pub trait Relocate {
    /// Puts the elements possibly elsewhere.
    fn vec<T>(&mut self, vec: &mut Vec<T>);
    /// Puts the value possibly elsewhere.
    fn boxed<T>(&mut self, value: &mut Box<T>);
}
