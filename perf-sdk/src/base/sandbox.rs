//! Whether the program has installed a seccomp filter since the start.
//!
//! A filter may kill the process at a system call that it does not expect. A filter that existed at
//! the start has already seen the profiler's calls. A later one was written for the program's own
//! calls. So under a later filter, the profiler makes no further calls that a program of this kind
//! would not make: no perf events, no timers, no signals to single threads, no opening of
//! unexpected files. Operations that it has begun continue.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicI32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Whether the calling thread is under any filter.
///
/// **Cost.** One system call, some 60 ns. Filters must allow it, because threads are named by it.
pub(crate) fn is_filtered() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: queries a number. In the strict mode, which forbids this call, there are no threads
    // and no profiler.
    return (unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) }) != 0;
    #[cfg(not(target_os = "linux"))]
    false
}

/// The number of filters at the start; `UNKNOWN` before it was recorded.
static AT_START: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = u64::MAX;
static IS_TIGHTER: AtomicBool = AtomicBool::new(false);
/// The file in which the kernel gives the number of filters. It is kept open, because a filter may
/// not expect its opening.
#[cfg(target_os = "linux")]
static STATUS: AtomicI32 = AtomicI32::new(-1);

/// Called at the profiler's start, and again in a forked child. `hold` registers a descriptor that
/// stays open, so that a forked child closes it.
pub(crate) fn note_start(hold: fn(i32)) {
    if is_filtered() {
        open_status(hold);
        AT_START.store(filters().unwrap_or(UNKNOWN - 1), Relaxed);
    } else {
        AT_START.store(0, Relaxed);
    }
    IS_TIGHTER.store(false, Relaxed);
}

/// Whether a filter was installed since the start, on the calling thread or, as found by an earlier
/// call, on another one. Once true, it stays true.
pub(crate) fn is_tighter() -> bool {
    if IS_TIGHTER.load(Relaxed) {
        return true;
    }
    let before = AT_START.load(Relaxed);
    if before == UNKNOWN || !is_filtered() {
        return false;
    }
    let is_tighter = before == 0 || filters().is_none_or(|now| now > before);
    if is_tighter {
        IS_TIGHTER.store(true, Relaxed);
    }
    is_tighter
}

#[cfg(target_os = "linux")]
fn open_status(hold: fn(i32)) {
    use std::os::fd::IntoRawFd as _;
    let _moment = crate::base::fork::Moment::begin();
    if STATUS.load(Relaxed) < 0
        && let Ok(file) = std::fs::File::open("/proc/self/status")
    {
        let descriptor = file.into_raw_fd();
        STATUS.store(descriptor, Relaxed);
        hold(descriptor);
        crate::base::fork::register(&HOOK);
    }
}

#[cfg(not(target_os = "linux"))]
fn open_status(_: fn(i32)) {}

/// The number of filters of the process's first thread.
#[cfg(target_os = "linux")]
fn filters() -> Option<u64> {
    let mut buffer = [0_u8; 4096];
    let descriptor = STATUS.load(Relaxed);
    if descriptor < 0 {
        return None;
    }
    // SAFETY: an open descriptor of ours, and a live buffer.
    let read = unsafe { libc::pread(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    let text = str::from_utf8(buffer.get(..usize::try_from(read).ok()?)?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn filters() -> Option<u64> {
    None
}

/// The descriptor is about the parent process. It is closed with all held descriptors.
#[cfg(target_os = "linux")]
static HOOK: crate::base::fork::Hook = crate::base::fork::Hook {
    before: None,
    child: || {
        STATUS.store(-1, Relaxed);
        AT_START.store(UNKNOWN, Relaxed);
    },
};
