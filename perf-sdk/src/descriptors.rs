//! Descriptors that the profiler holds, which a forked child closes: otherwise it would keep the endpoint's port from the
//! program that is started anew.
#![cfg_attr(not(unix), allow(dead_code))]
#![allow(unsafe_code)]

#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst};
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;

#[cfg(unix)]
use crate::fork::{self, Hook};

/// At most: those of the endpoint, its connections, and files that are being read or written.
const MOST: usize = 512;
const NONE: i32 = -1;

static HELD: [AtomicI32; MOST] = [const { AtomicI32::new(NONE) }; MOST];

/// A descriptor that forked children do not keep, until this drops. It drops before the descriptor is closed.
#[derive(Debug)]
pub(crate) struct Held(i32);

#[cfg(unix)]
impl Held {
    /// That of `opened`, which closes it after this has dropped.
    pub(crate) fn of(opened: &impl AsRawFd) -> Self {
        Self::new(opened.as_raw_fd())
    }

    pub(crate) fn new(descriptor: RawFd) -> Self {
        fork::register(&HOOK);
        let _ = HELD.iter().any(|place| place.compare_exchange(NONE, descriptor, Relaxed, Relaxed).is_ok());
        Self(descriptor)
    }
}

#[cfg(not(unix))]
impl Held {
    pub(crate) fn of<T>(_: &T) -> Self {
        Self(NONE)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ =
            self.0 != NONE && HELD.iter().any(|place| place.compare_exchange(self.0, NONE, Relaxed, Relaxed).is_ok());
    }
}

#[cfg(unix)]
static HOOK: Hook = Hook {
    before: Some(wait_for_changes),
    parent: Some(|| FORKING.store(false, Release)),
    child: || {
        FORKING.store(false, Release);
        CHANGING.store(0, Relaxed);
        close_all();
    },
};

/// Threads between opening a descriptor and saying so, or the other way round. A fork waits for them, but not for long.
static CHANGING: AtomicU32 = AtomicU32::new(0);
static FORKING: AtomicBool = AtomicBool::new(false);
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_micros(50);

#[cfg(unix)]
fn wait_for_changes() {
    let start = Instant::now();
    FORKING.store(true, SeqCst);
    while CHANGING.load(SeqCst) > 0 && start.elapsed() < PATIENCE {
        std::thread::sleep(PAUSE);
    }
}

/// While it lives nobody forks.
#[derive(Debug)]
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(crate) struct Changing(());

#[cfg_attr(not(feature = "serve"), allow(dead_code))]
impl Changing {
    /// For moments, in which a descriptor is opened and [`Held`], or no longer held and closed.
    pub(crate) fn begin() -> Self {
        loop {
            CHANGING.fetch_add(1, SeqCst);
            if !FORKING.load(SeqCst) {
                return Self(());
            }
            CHANGING.fetch_sub(1, SeqCst);
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        CHANGING.fetch_sub(1, SeqCst);
    }
}

/// In a forked child. What an epoll instance of ours watches is ours too: connections, and what wakes the endpoint's thread.
#[cfg(unix)]
fn close_all() {
    for place in &HELD {
        let descriptor = place.load(Relaxed);
        if descriptor != NONE {
            #[cfg(target_os = "linux")]
            watched_by(descriptor, |watched| {
                if !HELD.iter().any(|held| held.load(Relaxed) == watched) {
                    close(watched);
                }
            });
        }
    }
    for place in &HELD {
        let descriptor = place.swap(NONE, Relaxed);
        if descriptor != NONE {
            close(descriptor);
        }
    }
}

#[cfg(unix)]
fn close(descriptor: RawFd) {
    // SAFETY: the profiler's own, which nobody uses in this process: the threads that did are the parent's.
    unsafe { libc::close(descriptor) };
}

/// Hands over what an epoll instance watches; nothing of other descriptors. Allocates nothing.
#[cfg(target_os = "linux")]
fn watched_by(descriptor: RawFd, mut visit: impl FnMut(RawFd)) {
    const PREFIX: &[u8] = b"/proc/self/fdinfo/";
    let mut path = [0_u8; 40];
    path[..PREFIX.len()].copy_from_slice(PREFIX);
    let (mut digits, mut rest) = ([0_u8; 12], descriptor.unsigned_abs());
    let mut count = 0;
    while count == 0 || rest > 0 {
        digits[count] = b'0' + (rest % 10) as u8;
        (rest, count) = (rest / 10, count + 1);
    }
    for (at, digit) in digits[..count].iter().rev().enumerate() {
        path[PREFIX.len() + at] = *digit;
    }
    // SAFETY: a C string that lives.
    let file = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return;
    }
    let (mut buffer, mut filled) = ([0_u8; 4096], 0);
    loop {
        // SAFETY: the part of the buffer that is not filled.
        let read = unsafe { libc::read(file, buffer[filled..].as_mut_ptr().cast(), buffer.len() - filled) };
        let Ok(read @ 1..) = usize::try_from(read) else { break };
        filled += read;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|byte| *byte == b'\n') {
            if let Some(watched) = target(&buffer[start..start + length]) {
                visit(watched);
            }
            start += length + 1;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        if filled == buffer.len() {
            break;
        }
    }
    close(file);
}

/// Of a line such as `tfd:        5 events: …`.
#[cfg(target_os = "linux")]
fn target(line: &[u8]) -> Option<RawFd> {
    let text = str::from_utf8(line.strip_prefix(b"tfd:")?).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// The epoll instances that watch this descriptor: from a runtime's own it has two descriptors.
#[cfg(all(target_os = "linux", feature = "serve"))]
pub(crate) fn watching(descriptor: RawFd) -> Vec<RawFd> {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    let is_watching = |number: &RawFd| {
        let mut found = false;
        watched_by(*number, |watched| found |= watched == descriptor);
        found
    };
    numbers.collect::<Vec<_>>().into_iter().filter(is_watching).collect()
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_an_epoll_instance_watches_is_found() {
        let (one, other) = UnixStream::pair().unwrap();
        // SAFETY: a new instance, closed below.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        for stream in [&one, &other] {
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
            // SAFETY: both are open.
            assert_eq!(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, stream.as_raw_fd(), &raw mut event) }, 0);
        }
        let mut seen = Vec::new();
        watched_by(epoll, |watched| seen.push(watched));
        seen.sort_unstable();
        let mut both = [one.as_raw_fd(), other.as_raw_fd()];
        both.sort_unstable();
        assert_eq!(seen, both);
        watched_by(one.as_raw_fd(), |_| panic!("a socket watches nothing"));
        #[cfg(feature = "serve")]
        assert_eq!(watching(one.as_raw_fd()), [epoll]);
        close(epoll);
    }

    #[test]
    fn a_child_has_none_of_those_that_are_held() {
        let (one, other) = UnixStream::pair().unwrap();
        let held = Held::new(one.as_raw_fd());
        // SAFETY: the child asks, and ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: only ask.
            let (first, second) =
                unsafe { (libc::fcntl(one.as_raw_fd(), libc::F_GETFD), libc::fcntl(other.as_raw_fd(), libc::F_GETFD)) };
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(first >= 0 || second < 0)) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
        drop(held);
        assert!(HELD.iter().all(|place| place.load(Relaxed) != one.as_raw_fd()));
    }
}
