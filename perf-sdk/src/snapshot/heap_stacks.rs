//! Stacks at which the live heap was allocated.

use super::{Code, Frame, Live};

/// What was allocated at one stack within one profiled scope: an estimate from sampled allocations,
/// in usable sizes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapStack {
    /// The profiled functions that were running, outermost first.
    pub scope: Vec<Frame>,
    /// Indices into the [code](HeapStacks::code)'s addresses, innermost first; at most 32, the
    /// allocator's own left out.
    pub addresses: Vec<u32>,
    /// What was allocated there, and lives.
    pub live: Live,
}

/// The live heap by stack. Allocations whose stacks are not known are not in it: those of threads
/// without a profiled call, of the first moments of a thread, and of stacks for which there was no
/// room.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapStacks {
    /// Each once.
    pub stacks: Vec<HeapStack>,
    /// The code of the stacks.
    pub code: Code,
    /// Samples for whose stacks there was no room.
    pub lost: u64,
}
