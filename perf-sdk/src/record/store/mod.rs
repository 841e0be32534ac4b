//! What one thread records, and where: arenas, nodes of the call tree, histograms, the ring. It
//! depends on nothing else of the recorder.

pub(in crate::record) mod arena;
pub(in crate::record) mod block;
pub(in crate::record) mod cells;
pub(in crate::record) mod cost;
pub(in crate::record) mod counter;
pub(in crate::record) mod dropped;
pub(in crate::record) mod empty_call;
pub(in crate::record) mod exemplar;
pub(in crate::record) mod held;
pub(in crate::record) mod home;
pub(in crate::record) mod in_place_timing;
pub(in crate::record) mod index;
pub(in crate::record) mod measured;
pub(in crate::record) mod node;
pub(in crate::record) mod open_roots;
pub(in crate::record) mod owner;
pub(in crate::record) mod place;
pub(in crate::record) mod reserve;
pub(in crate::record) mod resting;
pub(in crate::record) mod ring;
pub(in crate::record) mod rules;
pub(in crate::record) mod sequence;
pub(in crate::record) mod shard;
pub(in crate::record) mod shared;
pub(in crate::record) mod spread;
pub(in crate::record) mod stack;
pub(in crate::record) mod thread;
pub(in crate::record) mod trail;
