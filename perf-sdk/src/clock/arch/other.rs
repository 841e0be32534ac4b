//! Processors whose counter this crate cannot read.

/// The wall clock is the operating system's clock here.
pub(in super::super) const HAS_COUNTER: bool = false;

/// Never called: see [`HAS_COUNTER`].
pub(in super::super) fn counter() -> u64 {
    0
}
