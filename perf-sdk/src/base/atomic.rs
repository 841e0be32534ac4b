//! The atomics used by the small files that `tests/loom` includes. There they are replaced by
//! loom's.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};
