//! File descriptors of the profiler, which are closed in a forked child. Otherwise the child would
//! keep the endpoint's port from a restarted program.
#![cfg_attr(not(unix), allow(dead_code))]
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use crate::base::fork::Moment;
#[cfg(unix)]
use crate::base::fork::{self, Hook};

/// The maximum number: those of the endpoint, its connections, and files that are being read or
/// written.
const MOST: usize = 512;
const NONE: i32 = -1;

static HELD: [AtomicI32; MOST] = [const { AtomicI32::new(NONE) }; MOST];
/// For each, the identity of the open file when a fork began.
static OPEN: [AtomicU64; MOST] = [const { AtomicU64::new(UNKNOWN) }; MOST];
const UNKNOWN: u64 = 0;
const NOTHING: u64 = 1;

/// A descriptor that is closed in forked children for as long as this exists. It drops before the
/// descriptor is closed.
///
/// The descriptor must be opened and closed in a [`Moment`] together with this. Otherwise a fork in
/// between leaks it to the child: see [`Kept`].
#[derive(Debug)]
pub(crate) struct Held(i32);

#[cfg(unix)]
impl Held {
    /// The descriptor of `opened`, which is closed after this has dropped.
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
pub(crate) use std::os::fd::AsRawFd as Open;

/// A type with a file descriptor.
#[cfg(not(unix))]
pub(crate) trait Open {}

#[cfg(not(unix))]
impl<T> Open for T {}

/// An open file or socket that is closed in forked children. It is opened and closed in a
/// [`Moment`].
#[derive(Debug)]
pub(crate) struct Kept<T> {
    held: ManuallyDrop<Held>,
    open: ManuallyDrop<T>,
}

impl<T: Open> Kept<T> {
    /// Opens it. `open` must not take longer than a [`Moment`] may.
    pub(crate) fn open<E>(open: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        let _moment = Moment::begin();
        open().map(Self::new)
    }

    /// Call it in the [`Moment`] in which `open` was opened.
    pub(crate) fn new(open: T) -> Self {
        Self { held: ManuallyDrop::new(Held::of(&open)), open: ManuallyDrop::new(open) }
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.open
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.open
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let _moment = Moment::begin();
        // SAFETY: neither field is used after this.
        unsafe {
            ManuallyDrop::drop(&mut self.held);
            ManuallyDrop::drop(&mut self.open);
        }
    }
}

#[cfg(unix)]
static HOOK: Hook = Hook { before: Some(note_open), child: close_all };

/// Records the identity of each descriptor before a fork. Under a new seccomp filter it makes no
/// system call: see `sandbox`.
#[cfg(unix)]
fn note_open() {
    let may_ask = !crate::base::sandbox::is_tighter();
    for (held, open) in HELD.iter().zip(&OPEN) {
        let descriptor = held.load(Relaxed);
        open.store(if may_ask && descriptor != NONE { identity(descriptor) } else { UNKNOWN }, Relaxed);
    }
}

/// Closes all descriptors in a forked child. A fork handler of the program may have run before. If
/// it closed one of them and opened something else with the same number, that is left open.
///
/// **Blind spot.** Two epoll instances, or two event counters, cannot be distinguished. Under a
/// seccomp filter that was installed after the start, nothing can.
#[cfg(unix)]
fn close_all() {
    for (held, open) in HELD.iter().zip(&OPEN) {
        let (descriptor, known) = (held.swap(NONE, Relaxed), open.load(Relaxed));
        let is_ours = || known == UNKNOWN || (known != NOTHING && known == identity(descriptor));
        if descriptor != NONE && is_ours() {
            // SAFETY: a descriptor of the profiler, which is not used in this process: the threads
            // that used it are the parent's.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// A hash of the device and the inode of the open file: it changes when the descriptor comes to
/// mean another file.
#[cfg(unix)]
fn identity(descriptor: RawFd) -> u64 {
    file(descriptor).map_or(NOTHING, |(device, inode)| (inode ^ device.rotate_left(40)).max(NOTHING + 1))
}

/// Device and inode numbers.
#[cfg(unix)]
#[allow(clippy::unnecessary_cast, reason = "their types differ between systems")]
fn file(descriptor: RawFd) -> Option<(u64, u64)> {
    // SAFETY: all fields are numbers.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a valid pointer for the result.
    let is_open = unsafe { libc::fstat(descriptor, &raw mut status) } == 0;
    is_open.then_some((status.st_dev as u64, status.st_ino as u64))
}

/// The epoll instances that watch this descriptor, and everything else that they watch: all
/// descriptors of a runtime.
#[cfg(all(target_os = "linux", feature = "serve"))]
pub(crate) fn of_runtime(descriptor: RawFd) -> Vec<RawFd> {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    let inode = file(descriptor).map(|(_, inode)| inode);
    let mut all = Vec::new();
    for number in numbers.collect::<Vec<_>>() {
        let watched = watched_by(number);
        // Another epoll instance may have watched an earlier file with this number.
        if watched.iter().any(|one| one.descriptor == descriptor && Some(one.inode) == inode) {
            all.push(number);
            all.extend(watched.iter().map(|one| one.descriptor).filter(|watched| *watched != descriptor));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A file that an epoll instance watches, with the descriptor that it had when it was added.
#[cfg(all(target_os = "linux", feature = "serve"))]
struct Watched {
    descriptor: RawFd,
    inode: u64,
}

/// The files watched by an epoll instance. Empty for other descriptors.
#[cfg(all(target_os = "linux", feature = "serve"))]
fn watched_by(descriptor: RawFd) -> Vec<Watched> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap_or_default();
    text.lines().filter_map(target).collect()
}

/// Parses a line such as `tfd: 5 events: 19 data: 7f00 pos:0 ino:2a51 sdev:9`.
#[cfg(all(target_os = "linux", feature = "serve"))]
fn target(line: &str) -> Option<Watched> {
    let descriptor = line.strip_prefix("tfd:")?.split_ascii_whitespace().next()?.parse().ok()?;
    let inode = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("ino:"))?;
    Some(Watched { descriptor, inode: u64::from_str_radix(inode, 16).ok()? })
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[cfg(feature = "serve")]
    #[test]
    fn all_descriptors_of_a_runtime_are_found() {
        let (one, other) = UnixStream::pair().unwrap();
        // SAFETY: a new instance, closed below.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let watch = |stream: &UnixStream| {
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
            // SAFETY: both are open.
            assert_eq!(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, stream.as_raw_fd(), &raw mut event) }, 0);
        };
        [&one, &other].into_iter().for_each(watch);
        let mut both = [epoll, other.as_raw_fd()];
        both.sort_unstable();
        assert_eq!(of_runtime(one.as_raw_fd()), both);
        // The instance still watches the file, under a number that now belongs to another one.
        let number = one.as_raw_fd();
        let goes_on = one.try_clone().unwrap();
        let (new, _peer) = UnixStream::pair().unwrap();
        // SAFETY: `one` is closed, and its number belongs to the new stream from here on.
        assert_eq!(unsafe { libc::dup2(new.as_raw_fd(), number) }, number);
        assert_eq!(of_runtime(number), [0; 0]);
        drop(goes_on);
        // SAFETY: made above.
        unsafe { libc::close(epoll) };
    }

    #[test]
    fn open_files_are_distinguished_by_identity() {
        let (one, other) = UnixStream::pair().unwrap();
        let known = identity(one.as_raw_fd());
        assert!(known == identity(one.as_raw_fd()) && known != identity(other.as_raw_fd()));
        assert_eq!(identity(RawFd::MAX), NOTHING);
    }

    #[test]
    fn a_forked_child_closes_held_descriptors() {
        let (one, other) = UnixStream::pair().unwrap();
        let held = Held::new(one.as_raw_fd());
        // SAFETY: the child makes two system calls, and ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: the calls only query the descriptors.
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
