//! The signal by which a thread is sampled.

/// It is ignored by default. So a late one is harmless, after `exec` or after sampling has stopped,
/// where a late `SIGPROF` would kill the process. And other profilers in the process can use
/// `SIGPROF`.
pub(super) const SIGNAL: i32 = libc::SIGURG;
