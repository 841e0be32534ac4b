//! The merged call tree.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::{Live, Totals};

/// The `parent` of a node without a profiled caller.
pub const ROOT: u32 = u32::MAX;

/// One function reached by one path of callers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct CallNode {
    /// An index into [`Snapshot::functions`](super::Snapshot::functions).
    pub function: u32,
    /// An index into [`Snapshot::tree`](super::Snapshot::tree), always smaller than this node's
    /// own, or [`ROOT`].
    pub parent: u32,
    /// Finished calls of all outcomes.
    pub calls: u64,
    /// Finished calls that were measured. The sums are estimated from them.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub samples: u64,
    /// Calls running when the snapshot was taken.
    pub running: u64,
    /// Including callees, and without the time for recording them. Of directly recursive calls,
    /// only the outermost one counts. Includes the elapsed part of running calls. Callees together
    /// take no longer than their caller.
    pub inclusive: Totals,
    /// Excluding profiled callees. Times are never negative.
    pub exclusive: Totals,
    /// Live allocations made here, excluding profiled callees.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub live: Live,
    /// The basis of the estimated times.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub(crate) basis: Basis,
    #[cfg_attr(feature = "enabled", serde(skip))]
    pub(crate) error: NodeError,
}

/// The errors of times: a variance by chance, and a standard error that all nodes of a function
/// have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct NodeError {
    pub(crate) inclusive: [f64; 2],
    pub(crate) exclusive: [f64; 2],
}
