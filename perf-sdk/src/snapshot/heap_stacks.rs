//! The live heap by stack.

use super::{Code, Frame, Live};

/// The allocations at one stack within one profiled scope: an estimate from sampled allocations, in
/// usable sizes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapStack {
    /// The profiled functions that were running, outermost first.
    pub scope: Vec<Frame>,
    /// Indices into the addresses of [code](HeapStacks::code), innermost first. At most 32, without
    /// the allocator's own.
    pub addresses: Vec<u32>,
    /// The allocations there, and those that are live.
    pub live: Live,
}

/// The live heap by stack. Allocations whose stack is unknown are not included: those of threads
/// without a profiled call, of a thread's first moments, and of stacks for which there was no room.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapStacks {
    /// One entry for each stack.
    pub stacks: Vec<HeapStack>,
    /// The code of the stacks.
    pub code: Code,
    /// Samples for whose stacks there was no room.
    pub lost: u64,
}
