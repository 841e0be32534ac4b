//! Distinguishes kinds of allocators by type.

use std::any::TypeId;

/// Whether allocations of `A` are sampled by a countdown. The result is a compile-time constant.
#[inline(always)]
pub(super) fn counts_down<A: 'static>() -> bool {
    #[cfg(feature = "dhat")]
    if TypeId::of::<A>() == TypeId::of::<dhat::Alloc>() {
        return false;
    }
    TypeId::of::<A>() != TypeId::of::<tikv_jemallocator::Jemalloc>()
}
