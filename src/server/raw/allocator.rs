//! All memory is the server's, so that it is counted, limited and defragmented with the rest.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::api::required;

// The unit tests run without a server.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: Server = Server;

/// Whatever a server allocates is aligned to this at least: one that is built with the C library's
/// malloc of musl puts a size of 8 bytes before it.
const CERTAIN: usize = 8;

/// What is aligned to more than this comes from within a larger allocation. With jemalloc and
/// glibc's malloc that is 16, for sizes that are multiples of it.
static ALIGNED_TO: AtomicUsize = AtomicUsize::new(CERTAIN);

/// The largest alignment of what the server may defragment: with jemalloc, the only one with which
/// it does, that much is never within a larger allocation.
pub(crate) const MOST_DEFRAGMENTED: usize = 16;

/// The server's own allocator. Before the server has introduced itself there is no memory.
pub(in crate::server) struct Server;

/// Finds out how the server's allocations are aligned. Whether it has an allocator at all.
///
/// # Safety
/// Nothing may have been allocated yet.
pub(in crate::server) unsafe fn prepare() -> bool {
    // SAFETY: the functions are those of one allocator.
    unsafe {
        let (Some(alloc), Some(free), Some(_)) =
            (required::Alloc, required::Free, required::Realloc)
        else {
            return false;
        };
        let probe = alloc(MOST_DEFRAGMENTED);
        let aligned = probe.cast::<u8>().align_offset(MOST_DEFRAGMENTED) == 0;
        free(probe);
        ALIGNED_TO.store(if aligned { MOST_DEFRAGMENTED } else { CERTAIN }, Ordering::Relaxed);
    }
    true
}

/// Whether an allocation is the server's as it is.
#[inline(always)]
fn is_whole(layout: Layout) -> bool {
    layout.align() <= CERTAIN || layout.align() <= ALIGNED_TO.load(Ordering::Relaxed)
}

// SAFETY: an allocation is the server's as it is, or lies within one whose address stands before
// it. Which of both follows from its layout, since what is not certain is set before the first.
unsafe impl GlobalAlloc for Server {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_whole(layout) {
            // Allocations are aligned to what their size is a multiple of.
            let size = layout.pad_to_align().size();
            // SAFETY: the server has filled it in.
            unsafe { required::Alloc.map_or(ptr::null_mut(), |alloc| alloc(size).cast()) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { alloc_within(layout) }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the allocation is one of `alloc`, of the same layout.
        unsafe {
            let whole =
                if is_whole(layout) { pointer } else { pointer.cast::<*mut u8>().sub(1).read() };
            if let Some(free) = required::Free {
                free(whole.cast());
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size, rounded up, is no overflow either.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the allocation is one of `alloc`, of the same layout.
        unsafe {
            if is_whole(layout) {
                let size = new.pad_to_align().size();
                return required::Realloc
                    .map_or(ptr::null_mut(), |realloc| realloc(pointer.cast(), size).cast());
            }
            let moved = self.alloc(new);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(pointer, moved, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
            moved
        }
    }
}

/// An allocation within a larger one, whose address stands before it.
///
/// # Safety
/// The layout must be of a size that is not 0.
#[cold]
unsafe fn alloc_within(layout: Layout) -> *mut u8 {
    let Some(size) =
        layout.size().checked_add(layout.align()).and_then(|sum| sum.checked_add(CERTAIN))
    else {
        return ptr::null_mut();
    };
    // SAFETY: the server has filled it in. What is aligned to 8 and has room for an address in
    // front lies within what it gives.
    unsafe {
        let Some(alloc) = required::Alloc else { return ptr::null_mut() };
        let whole: *mut u8 = alloc(size).cast();
        if whole.is_null() {
            return whole;
        }
        let first = whole.add(CERTAIN);
        let pointer = first.add(first.align_offset(layout.align()));
        pointer.cast::<*mut u8>().sub(1).write(whole);
        pointer
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;

    use super::*;

    unsafe extern "C" {
        fn malloc(size: usize) -> *mut c_void;
        fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
        fn free(pointer: *mut c_void);
    }

    /// A server's allocator that puts the size before what it gives, as on musl without jemalloc.
    unsafe extern "C" fn behind_its_size(size: usize) -> *mut c_void {
        // SAFETY: eight more bytes were asked for.
        unsafe { malloc(size + 8).byte_add(8) }
    }

    unsafe extern "C" fn again_behind_its_size(pointer: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: as above.
        unsafe { realloc(pointer.byte_sub(8), size + 8).byte_add(8) }
    }

    unsafe extern "C" fn free_behind_its_size(pointer: *mut c_void) {
        // SAFETY: as above.
        unsafe { free(pointer.byte_sub(8)) }
    }

    /// Allocates, fills, grows, shrinks and frees with the layout, by the allocator under test.
    fn use_memory(size: usize, align: usize) {
        let layout = Layout::from_size_align(size, align).unwrap();
        let whole = Layout::from_size_align(size * 3, align).unwrap();
        // SAFETY: each pointer is used with the layout that it has.
        unsafe {
            let mut pointer = Server.alloc(layout);
            assert_eq!(pointer.align_offset(align), 0, "{layout:?}");
            pointer.write_bytes(0xa5, size);
            pointer = Server.realloc(pointer, layout, size * 3);
            assert_eq!(pointer.align_offset(align), 0, "{layout:?}");
            assert!((0..size).all(|index| pointer.add(index).read() == 0xa5), "{layout:?}");
            pointer.write_bytes(0x5a, size * 3);
            pointer = Server.realloc(pointer, whole, size);
            assert_eq!(pointer.align_offset(align), 0, "{layout:?}");
            assert!((0..size).all(|index| pointer.add(index).read() == 0x5a), "{layout:?}");
            Server.dealloc(pointer, layout);
        }
    }

    #[test]
    fn memory_is_aligned_whatever_the_server_aligns_to() {
        // SAFETY: no server is here to write these, and no other test uses them.
        unsafe {
            assert!(!prepare(), "there is no server yet");
            assert!(Server.alloc(Layout::new::<u64>()).is_null());
            let both: [(Functions, usize); 2] = [
                ((malloc, realloc, free), 16),
                ((behind_its_size, again_behind_its_size, free_behind_its_size), 8),
            ];
            for ((alloc, realloc, free), aligned_to) in both {
                required::Alloc = Some(alloc);
                required::Realloc = Some(realloc);
                required::Free = Some(free);
                assert!(prepare());
                assert_eq!(ALIGNED_TO.load(Ordering::Relaxed), aligned_to);
                for align in [1, 2, 8, 16, 32, 4096] {
                    for size in [1, 8, 24, 100, 5000] {
                        use_memory(size, align);
                    }
                }
            }
        }
    }

    type Functions = (
        unsafe extern "C" fn(usize) -> *mut c_void,
        unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
        unsafe extern "C" fn(*mut c_void),
    );
}
