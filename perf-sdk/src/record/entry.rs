//! What other rooms ask of the recorder, which may be the first to ask anything of it.

use super::registry;
use crate::record::calibration::overhead;
use crate::record::call::guard::empty_call;
use crate::record::store::cost::Cost;
use crate::record::store::thread::ThreadRecord;

/// The least that empty calls were found to cost on this machine, cache-warm: first measured with
/// the first record, in some hundred microseconds. 0 when there is no memory for it.
pub(crate) fn cost() -> Cost {
    overhead::cost(empty_call)
}

/// Looks again whether calls can cost less, at most once a second: other work on the machine may
/// have disturbed the first calibration. Some hundred microseconds.
pub(crate) fn refresh_cost() {
    overhead::refresh(empty_call);
}

/// The calling thread's record; a new one, or one that another thread has left, where it has none
/// yet.
pub(crate) fn current_or_new() -> Option<&'static ThreadRecord> {
    registry::current_or_new(empty_call)
}
