//! What an ended call measured.

use super::node::Node;
use crate::memory::Tallies;

/// What an ended frame measured, in ticks; a little less than 0 if it was shorter than what the
/// recorder takes for its own part.
pub(in crate::record) struct Measured {
    pub(in crate::record) wall: i64,
    pub(in crate::record) cpu: i64,
    /// How many calls it stands for; 0: it was counted only.
    pub(in crate::record) weight: u32,
    pub(in crate::record) cpu_weight: u32,
    /// `None`: nothing was allocated or freed.
    pub(in crate::record) tallies: Option<Tallies>,
    pub(in crate::record) end: u64,
    /// The caller's node.
    pub(in crate::record) below: &'static Node,
}
