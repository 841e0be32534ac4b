//! The atomics of the files that `tests/loom` includes, where loom's stand in their place.

#[allow(unused_imports, reason = "some are of features")]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// The usual size; loom's models have the other one, so that they can try all orders.
#[allow(dead_code, reason = "of features")]
pub(crate) const fn size(usual: usize, _modelled: usize) -> usize {
    usual
}
