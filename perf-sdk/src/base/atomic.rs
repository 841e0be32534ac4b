//! The atomics of the small files that `tests/loom` includes, where loom's stand in their place.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};
