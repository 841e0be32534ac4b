//! The kernel's clock of a thread's CPU time, as a perf event that signals the thread.
//!
//! Each time the clock has advanced by a period, in kernel mode too, the kernel writes its count
//! into a page and signals the thread. The mapping keeps the event alive, so no descriptor is kept.
//! Layout: `struct perf_event_mmap_page` and `PERF_RECORD_SAMPLE` in
//! `include/uapi/linux/perf_event.h`.
#![allow(unsafe_code)]

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use super::signal::SIGNAL;
use crate::clock::{EXCLUDE_HYPERVISOR, PerfAttributes as Attributes};

const PERF_COUNT_SW_TASK_CLOCK: u64 = 1;
const PERF_SAMPLE_READ: u64 = 1 << 4;
const PERF_RECORD_SAMPLE: u64 = 9;
const DISABLED: u64 = 1;
const ENABLE: libc::c_ulong = 0x2400;
const F_SETSIG: i32 = 10;
const F_SETOWN_EX: i32 = 15;
const F_OWNER_TID: i32 = 0;
/// The offset of `data_head` in the first page.
const DATA_HEAD: usize = 1024;
/// The size of a record: its header, and the count of the event.
const RECORD: u64 = 16;

#[repr(C)]
struct Owner {
    kind: i32,
    thread: i32,
}

/// The event of a thread. It ends when this drops.
#[derive(Debug)]
pub(super) struct Event {
    pages: NonNull<u8>,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Event {}

/// A descriptor that is closed on drop.
struct Descriptor(i32);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: opened here and not used elsewhere.
        unsafe { libc::close(self.0) };
    }
}

impl Event {
    /// Makes a disabled event, which [`enable`](Started::enable) starts.
    ///
    /// # Errors
    /// Those of the kernel: `EACCES` if `perf_event_paranoid` is above 1, `EPERM` under seccomp or
    /// without memory to lock, `EMFILE`.
    pub(super) fn open(thread: u32, period_ns: u64) -> io::Result<(Self, Started)> {
        let mut attributes = Attributes::software(PERF_COUNT_SW_TASK_CLOCK);
        attributes.sample_period = period_ns;
        attributes.sample_type = PERF_SAMPLE_READ;
        // NOTE: kernel mode is included, because time spent there belongs to the caller. Without
        // it, it would not be sampled.
        attributes.flags = DISABLED | EXCLUDE_HYPERVISOR;
        attributes.wakeup = 1;
        let descriptor = Descriptor(attributes.open(thread)?);
        let thread = thread as i32;
        let owner = Owner { kind: F_OWNER_TID, thread };
        // SAFETY: the descriptor is open, and the kernel reads one owner.
        unsafe {
            check(libc::fcntl(descriptor.0, F_SETOWN_EX, &raw const owner))?;
            check(libc::fcntl(descriptor.0, F_SETSIG, SIGNAL))?;
            check(libc::fcntl(descriptor.0, libc::F_SETFL, libc::O_RDWR | libc::O_NONBLOCK | libc::O_ASYNC))?;
        }
        let length = 2 * page_size();
        // SAFETY: a new mapping at an address that the kernel chooses. It is read-only, so the
        // kernel overwrites the oldest data.
        let pages = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, descriptor.0, 0) };
        if pages == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let pages = NonNull::new(pages.cast::<u8>()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok((Self { pages }, Started(descriptor)))
    }

    /// The page for the slot.
    pub(super) fn page(&self) -> *mut u8 {
        self.pages.as_ptr()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `open`. Unmapping it ends the event. The thread has ended, or
        // its slot does not use the page any more.
        unsafe { libc::munmap(self.pages.as_ptr().cast(), 2 * page_size()) };
    }
}

/// An event whose descriptor is still open.
pub(super) struct Started(Descriptor);

impl Started {
    /// Starts to signal.
    pub(super) fn enable(self) -> io::Result<()> {
        // SAFETY: the descriptor is open. The type of a request differs between C libraries.
        check(unsafe { libc::ioctl(self.0.0, ENABLE as _, 0) }).map(drop)
    }
}

/// On the thread of the event: its count at its latest signal, in nanoseconds.
///
/// # Safety
/// `page` belongs to an event that exists.
pub(super) unsafe fn counted(page: *const u8) -> Option<u64> {
    let size = page_size() as u64;
    // SAFETY: in the first page. The kernel writes it on this CPU, while this thread does not run.
    let head = unsafe { &*page.add(DATA_HEAD).cast::<AtomicU64>() }.load(Acquire);
    let at = head.checked_sub(RECORD)? % size;
    // SAFETY: in the second page, and aligned, because records are multiples of eight bytes.
    let word = |at: u64| unsafe { &*page.add((size + at % size) as usize).cast::<AtomicU64>() }.load(Relaxed);
    // The first word of a record has its type, flags and size. Records of other types are rare;
    // then the next signal is used.
    (word(at) & 0xffff_ffff == PERF_RECORD_SAMPLE && word(at) >> 48 == RECORD).then(|| word(at + 8))
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn page_size() -> usize {
    use std::sync::atomic::AtomicUsize;
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    match SIZE.load(Relaxed) {
        0 => {
            // SAFETY: queries a number.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
            SIZE.store(size, Relaxed);
            size
        }
        size => size,
    }
}
