//! The interface for other modules, which may be the first to use the recorder.

use super::registry;
use crate::record::calibration::overhead;
use crate::record::call::guard::empty_call;
use crate::record::store::cost::Cost;
use crate::record::store::thread::ThreadRecord;

/// The minimum cost of empty calls found so far on this machine, with warm caches. First measured
/// with the first record, which takes some hundred microseconds. 0 if there is no memory for it.
pub(crate) fn cost() -> Cost {
    overhead::cost(empty_call)
}

/// Calibrates again, at most once a second, and keeps the lower cost, because other load may have
/// disturbed the first calibration. Takes some hundred microseconds.
pub(crate) fn refresh_cost() {
    overhead::refresh(empty_call);
}

/// The calling thread's record. If it has none yet, it gets a new one, or one that another thread
/// has left.
pub(crate) fn current_or_new() -> Option<&'static ThreadRecord> {
    registry::current_or_new(empty_call)
}
