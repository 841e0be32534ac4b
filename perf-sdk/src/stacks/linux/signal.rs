//! The signal that has a thread sampled.

/// By default it is ignored, so one that comes late, after `exec` or when nobody samples any more,
/// does no harm, where a late `SIGPROF` ends the process; and whoever profiles by `SIGPROF` beside
/// us is left alone.
pub(super) const SIGNAL: i32 = libc::SIGURG;
