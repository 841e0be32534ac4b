//! Whether the program has put itself under a seccomp filter since the start.
//!
//! A filter may end the process at a call that it does not expect. One that stood at the start has
//! shown then what it does; one that came later was written with the program's own calls in mind.
//! So under it the profiler makes no call any more that a program of its kind would not make: no
//! perf events, no timers, no signals to single threads, no opening of files that nobody named.
//! What it had begun goes on.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicI32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Whether the calling thread is under a filter at all.
///
/// **Cost.** A system call, some 60 ns; no program can do without this one, by which threads are
/// named.
pub(crate) fn is_filtered() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: asks for a number. In the strict mode, which allows no such call, there are no
    // threads and no profiler.
    return (unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) }) != 0;
    #[cfg(not(target_os = "linux"))]
    false
}

/// Filters that stood at the start; `UNKNOWN`: it was not noted.
static AT_START: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = u64::MAX;
static IS_TIGHTER: AtomicBool = AtomicBool::new(false);
/// Where the kernel says how many filters there are, kept open: opening it may be what a filter
/// does not expect.
#[cfg(target_os = "linux")]
static STATUS: AtomicI32 = AtomicI32::new(-1);

/// At the profiler's start, and again in a forked child. `hold` is given a descriptor that stays
/// open, and that a forked child closes.
pub(crate) fn note_start(hold: fn(i32)) {
    if is_filtered() {
        open_status(hold);
        AT_START.store(filters().unwrap_or(UNKNOWN - 1), Relaxed);
    } else {
        AT_START.store(0, Relaxed);
    }
    IS_TIGHTER.store(false, Relaxed);
}

/// Whether a filter was installed since the start, on the calling thread or before on another that
/// asked. For good.
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

/// Of the process's first thread.
#[cfg(target_os = "linux")]
fn filters() -> Option<u64> {
    let mut buffer = [0_u8; 4096];
    let descriptor = STATUS.load(Relaxed);
    if descriptor < 0 {
        return None;
    }
    // SAFETY: an open descriptor of ours, and a buffer that lives.
    let read = unsafe { libc::pread(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    let text = str::from_utf8(buffer.get(..usize::try_from(read).ok()?)?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn filters() -> Option<u64> {
    None
}

/// The descriptor is the parent's, and says how the parent is; it is closed with all that are held.
#[cfg(target_os = "linux")]
static HOOK: crate::base::fork::Hook = crate::base::fork::Hook {
    before: None,
    child: || {
        STATUS.store(-1, Relaxed);
        AT_START.store(UNKNOWN, Relaxed);
    },
};
