use proptest::prelude::*;

use super::*;
use crate::server::api::required;
use crate::state::samples;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn malloc_usable_size(pointer: *mut c_void) -> usize;
}

/// Moves every allocation, as the server does with those that stand badly. What was there is
/// overwritten, and kept, so that nothing new comes to stand there.
unsafe extern "C" fn move_always(
    _ctx: *mut RedisModuleDefragCtx,
    pointer: *mut c_void,
) -> *mut c_void {
    // SAFETY: the pointer is of an allocation of the tests' allocator, which is malloc.
    unsafe {
        let size = malloc_usable_size(pointer);
        let moved = malloc(size);
        ptr::copy_nonoverlapping(pointer.cast::<u8>(), moved.cast::<u8>(), size);
        ptr::write_bytes(pointer.cast::<u8>(), 0xa5, size);
        moved
    }
}

unsafe extern "C" fn now() -> i64 {
    1_700_000_000_000
}

proptest! {
    #[test]
    fn values_survive_being_moved(limiters in samples::limiters()) {
        let mut value: *mut c_void = Box::into_raw(Box::new(limiters.clone())).cast();
        let before = value;
        // SAFETY: no server is here to write this; all tests write the same. The value is boxed
        // `Limiters`, as the callbacks expect, and freed once.
        unsafe {
            pointers::DefragAlloc = Some(move_always);
            defrag(ptr::null_mut(), ptr::null_mut(), &raw mut value);
            prop_assert_ne!(value, before);
            prop_assert!(*value.cast::<Limiters>() == limiters);
            free(value);
        }
    }

    #[test]
    fn a_copy_is_equal_and_its_own(limiters in samples::limiters()) {
        let value: *const c_void = (&raw const limiters).cast();
        // SAFETY: no server is here to write this; all tests write the same. The value is
        // `Limiters`; the copy is boxed, and freed once.
        unsafe {
            required::Milliseconds = Some(now);
            let other = copy(ptr::null_mut(), ptr::null_mut(), value);
            prop_assert_ne!(other.cast_const(), value);
            prop_assert!(*other.cast::<Limiters>() == limiters);
            let effort = free_effort(ptr::null_mut(), other);
            prop_assert_eq!(effort, limiters.allocations());
            free(other);
        }
    }
}
