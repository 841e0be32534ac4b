//! The global allocator and its per-thread tallies.

mod alloc;
mod counted;
#[cfg(any(feature = "dhat", feature = "heap", feature = "jemalloc"))]
mod kind;
#[cfg(feature = "heap")]
mod live;
#[cfg(feature = "jemalloc")]
pub(crate) mod mallctl;
#[cfg(any(feature = "dhat", feature = "heap", feature = "jemalloc"))]
mod probe;
mod tallies;

pub use alloc::Alloc;
pub use counted::CountingAlloc;
#[cfg(all(feature = "heap", feature = "serve"))]
pub(crate) use live::wanted_sample_bytes;
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(crate) use live::{at_stacks, lost_stacks, note_unloaded};
#[cfg(feature = "heap")]
pub(crate) use live::{
    born, by_owner, coarsest_bytes, held_bytes, holding, large_blocks, living, look_for_peak, lost_samples, note_drawn,
    old_bytes, old_ns, past, pause_heap, sample_bytes, sample_heap, sampling_ns, state as heap_state, thin_out_heap,
};
#[cfg(feature = "dhat")]
pub(crate) use probe::exact;
#[cfg(any(feature = "heap", feature = "jemalloc"))]
pub(crate) use probe::is_global as is_jemalloc;
pub(crate) use tallies::{Ours, Tallies, TallyCells, is_counting, uncounted};

/// Does nothing: the feature is off.
#[cfg(not(feature = "heap"))]
pub(crate) fn sample_heap(_: Option<u64>) {}

/// Empty: the feature is off.
#[cfg(not(feature = "heap"))]
pub(crate) fn holding(_: std::ops::Range<std::time::Duration>) -> impl Iterator<Item = crate::scope::CallPath> {
    std::iter::empty()
}

/// Does nothing: the feature is off.
#[cfg(not(feature = "heap"))]
pub(crate) fn thin_out_heap(_: u32) {}

/// None: the feature is off.
#[cfg(all(feature = "serve", not(feature = "heap")))]
pub(crate) fn wanted_sample_bytes() -> Option<u64> {
    None
}

#[cfg(not(feature = "heap"))]
pub(crate) fn note_drawn() {}

#[cfg(feature = "heap")]
pub(crate) use live::set_old_ns;

#[cfg(not(feature = "heap"))]
pub(crate) fn set_old_ns(_: u64) {}

#[cfg(not(feature = "heap"))]
pub(crate) fn pause_heap(_: bool) {}

#[cfg(not(feature = "heap"))]
pub(crate) fn heap_state() -> crate::snapshot::SamplingState {
    crate::snapshot::SamplingState::Off
}

#[cfg(not(feature = "heap"))]
pub(crate) fn sampling_ns() -> u64 {
    0
}
