//! Distinguishes kinds of allocators by type. All results are compile-time constants.

/// Whether `A` is jemalloc, which samples by itself.
#[inline(always)]
#[cfg(any(feature = "heap", feature = "jemalloc"))]
pub(super) fn is_jemalloc<A: 'static>() -> bool {
    #[cfg(feature = "jemalloc")]
    return std::any::TypeId::of::<A>() == std::any::TypeId::of::<tikv_jemallocator::Jemalloc>();
    #[cfg(not(feature = "jemalloc"))]
    false
}

/// Whether `A` is dhat's allocator, which records every allocation.
#[inline(always)]
#[cfg(any(feature = "dhat", feature = "heap"))]
pub(super) fn is_dhat<A: 'static>() -> bool {
    #[cfg(feature = "dhat")]
    return std::any::TypeId::of::<A>() == std::any::TypeId::of::<dhat::Alloc>();
    #[cfg(not(feature = "dhat"))]
    false
}

/// Whether allocations of `A` are sampled by a countdown.
#[inline(always)]
#[cfg(feature = "heap")]
pub(super) fn counts_down<A: 'static>() -> bool {
    !is_jemalloc::<A>() && !is_dhat::<A>()
}
