//! The readings of a call that ended.

use super::node::Node;
use crate::memory::Tallies;

/// The readings of a frame that ended, in ticks. Slightly negative if the call was shorter than the
/// instrumentation overhead.
#[derive(Clone, Copy)]
pub(in crate::record) struct Measured {
    pub(in crate::record) wall: i64,
    pub(in crate::record) cpu: i64,
    /// The weight of the call. 0 if it was count-only.
    pub(in crate::record) weight: u32,
    pub(in crate::record) cpu_weight: u32,
    /// `None` if nothing was allocated or freed.
    pub(in crate::record) tallies: Option<Tallies>,
    pub(in crate::record) end: u64,
    /// The caller's node.
    pub(in crate::record) below: &'static Node,
}
