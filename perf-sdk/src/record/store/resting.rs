//! Whether any function rests: see `rest`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::thread::ThreadRecord;
use crate::clock::ThreadCpu;

static IS_ANY: AtomicBool = AtomicBool::new(false);

pub(in crate::record) fn set_any(any: bool) {
    IS_ANY.store(any, Relaxed);
}

/// Called on a thread that ends, which called resting functions until now.
pub(in crate::record) fn note_end(record: &ThreadRecord) {
    if IS_ANY.load(Relaxed) {
        record.note_end(ThreadCpu::cpu_now_ns());
    }
}
