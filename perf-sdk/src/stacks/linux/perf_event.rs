//! The kernel's own clock of a thread's CPU time, as a perf event that signals the thread.
//!
//! Each time the clock has gone on by a period, from kernel mode too, the kernel writes what it has
//! counted into a page and signals the thread. The page keeps the event alive, so no descriptor is
//! held. Layout: `struct perf_event_mmap_page` and `PERF_RECORD_SAMPLE` in
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
/// Of `data_head` in the first page.
const DATA_HEAD: usize = 1024;
/// A record: its header, and what the event has counted.
const RECORD: u64 = 16;

#[repr(C)]
struct Owner {
    kind: i32,
    thread: i32,
}

/// A thread's event. It ends when this drops.
#[derive(Debug)]
pub(super) struct Event {
    pages: NonNull<u8>,
}

// SAFETY: a mapping, which is of the process.
unsafe impl Send for Event {}

/// A descriptor that is closed.
struct Descriptor(i32);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: opened here and used nowhere else.
        unsafe { libc::close(self.0) };
    }
}

impl Event {
    /// Makes an event that does nothing yet; [`enable`](Started::enable) starts it.
    ///
    /// # Errors
    /// The kernel's: `EACCES` where `perf_event_paranoid` is above 1, `EPERM` under seccomp or
    /// without memory to lock, `EMFILE`.
    pub(super) fn open(thread: u32, period_ns: u64) -> io::Result<(Self, Started)> {
        let mut attributes = Attributes::software(PERF_COUNT_SW_TASK_CLOCK);
        attributes.sample_period = period_ns;
        attributes.sample_type = PERF_SAMPLE_READ;
        // NOTE: not without kernel mode: what is spent there belongs to whoever called, and without
        // it no sample would be taken of it.
        attributes.flags = DISABLED | EXCLUDE_HYPERVISOR;
        attributes.wakeup = 1;
        let descriptor = Descriptor(attributes.open(thread)?);
        let thread = thread as i32;
        let owner = Owner { kind: F_OWNER_TID, thread };
        // SAFETY: the descriptor is open; the kernel reads one owner.
        unsafe {
            check(libc::fcntl(descriptor.0, F_SETOWN_EX, &raw const owner))?;
            check(libc::fcntl(descriptor.0, F_SETSIG, SIGNAL))?;
            check(libc::fcntl(descriptor.0, libc::F_SETFL, libc::O_RDWR | libc::O_NONBLOCK | libc::O_ASYNC))?;
        }
        let length = 2 * page_size();
        // SAFETY: a new mapping at an address of the kernel's choice. Read only: the kernel
        // overwrites what is oldest.
        let pages = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, descriptor.0, 0) };
        if pages == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let pages = NonNull::new(pages.cast::<u8>()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok((Self { pages }, Started(descriptor)))
    }

    /// For the slot.
    pub(super) fn page(&self) -> *mut u8 {
        self.pages.as_ptr()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `open`; unmapping it ends the event. The thread has ended, or
        // its slot no longer has the page.
        unsafe { libc::munmap(self.pages.as_ptr().cast(), 2 * page_size()) };
    }
}

/// An event with its descriptor still open.
pub(super) struct Started(Descriptor);

impl Started {
    /// Signals from now on.
    pub(super) fn enable(self) -> io::Result<()> {
        // SAFETY: the descriptor is open. What a request is differs between C libraries.
        check(unsafe { libc::ioctl(self.0.0, ENABLE as _, 0) }).map(drop)
    }
}

/// On the thread of the event: what it has counted at its latest signal, nanoseconds.
///
/// # Safety
/// `page` is that of an event that lives.
pub(super) unsafe fn counted(page: *const u8) -> Option<u64> {
    let size = page_size() as u64;
    // SAFETY: in the first page; the kernel writes it, on this very CPU while this thread does not
    // run.
    let head = unsafe { &*page.add(DATA_HEAD).cast::<AtomicU64>() }.load(Acquire);
    let at = head.checked_sub(RECORD)? % size;
    // SAFETY: in the second page, aligned: records are multiples of eight bytes.
    let word = |at: u64| unsafe { &*page.add((size + at % size) as usize).cast::<AtomicU64>() }.load(Relaxed);
    // A record is its kind, flags and size in one word. Records of other kinds are rare: then the
    // next one is asked.
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
            // SAFETY: asks for a number.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
            SIZE.store(size, Relaxed);
            size
        }
        size => size,
    }
}
