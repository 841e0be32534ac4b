//! The merged call tree.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::{Live, Totals};

/// The `parent` of a node that nothing profiled called.
pub const ROOT: u32 = u32::MAX;

/// One function reached by one path of callers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct CallNode {
    /// Index into [`Snapshot::functions`](super::Snapshot::functions).
    pub function: u32,
    /// Index into [`Snapshot::tree`](super::Snapshot::tree), always smaller than this node's own,
    /// or [`ROOT`].
    pub parent: u32,
    /// Finished calls, all outcomes.
    pub calls: u64,
    /// Those that were measured: the sums are estimated from them.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub samples: u64,
    /// Calls running when the snapshot was taken.
    pub running: u64,
    /// With callees, and without what recording these took. Of directly recursive calls only the
    /// outermost counts. Holds the elapsed part of running calls. Callees take no longer together
    /// than their caller.
    pub inclusive: Totals,
    /// Without profiled callees. Times are never negative.
    pub exclusive: Totals,
    /// Held by allocations that were made here, not in profiled callees.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub live: Live,
    /// What the times are estimated from.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub(crate) basis: Basis,
    #[cfg_attr(feature = "enabled", serde(skip))]
    pub(crate) error: NodeError,
}

/// How far times may be off: a variance by chance, and a standard error that all nodes of a
/// function have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct NodeError {
    pub(crate) inclusive: [f64; 2],
    pub(crate) exclusive: [f64; 2],
}
