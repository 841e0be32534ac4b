//! What kind of allocator a type is.

use std::any::TypeId;

/// Whether allocations of `A` are picked by a countdown. The compiler knows the answer.
#[inline(always)]
pub(super) fn counts_down<A: 'static>() -> bool {
    #[cfg(feature = "dhat")]
    if TypeId::of::<A>() == TypeId::of::<dhat::Alloc>() {
        return false;
    }
    TypeId::of::<A>() != TypeId::of::<tikv_jemallocator::Jemalloc>()
}
