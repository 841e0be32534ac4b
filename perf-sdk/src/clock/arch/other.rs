//! Processors without a counter that we know how to read.

/// The operating system's clock is the wall clock here.
pub(in super::super) const HAS_COUNTER: bool = false;

/// Never called: see [`HAS_COUNTER`].
pub(in super::super) fn counter() -> u64 {
    0
}
