//! What an ended call measured.

use super::node::Node;
use crate::memory::Tallies;

/// What an ended frame measured, in ticks; a little less than 0 if it was shorter than what the recorder takes for its own part.
pub(super) struct Measured {
    pub(super) wall: i64,
    pub(super) cpu: i64,
    /// How many calls it stands for; 0: it was counted only.
    pub(super) weight: u32,
    pub(super) cpu_weight: u32,
    /// `None`: nothing was allocated or freed.
    pub(super) tallies: Option<Tallies>,
    pub(super) end: u64,
    /// The caller's node.
    pub(super) below: &'static Node,
}
