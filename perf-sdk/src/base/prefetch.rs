//! Prefetches memory that will be read soon, so that several cache misses overlap.
#![allow(unsafe_code)]

const LINE_BYTES: usize = 64;

/// Prefetches the memory of `of` itself. It only affects the caches.
#[inline(always)]
pub(crate) fn prefetch<T>(of: &T) {
    let start = std::ptr::from_ref(of).cast::<u8>();
    let last = size_of::<T>().saturating_sub(1);
    for offset in (0..last).step_by(LINE_BYTES) {
        line(start.wrapping_add(offset));
    }
    // It may begin in the middle of a cache line.
    if align_of::<T>() < LINE_BYTES {
        line(start.wrapping_add(last));
    }
}

/// Prefetches memory that may be the one that is read soon: so many bytes at this place, which need
/// not exist.
#[inline(always)]
pub(crate) fn prefetch_guess(place: usize, bytes: usize) {
    for offset in (0..bytes).step_by(LINE_BYTES) {
        line(std::ptr::without_provenance(place.wrapping_add(offset)));
    }
}

#[inline(always)]
#[cfg_attr(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))), allow(unused_variables))]
fn line(at: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint, for which any address is valid.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a hint, for which any address is valid.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, readonly, preserves_flags));
    }
}
