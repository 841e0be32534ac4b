//! A perf event that counts nothing. Its page shows when the thread was scheduled in and, on some
//! machines, its CPU time.
//!
//! The kernel rewrites the page whenever the event, and so its thread, is scheduled in. Each time
//! it increases the word `lock` by 2. The mapping keeps the event alive, so the descriptor is
//! closed at once, and no thread keeps one. Layout: `struct perf_event_mmap_page` in the kernel's
//! `include/uapi/linux/perf_event.h`.
#![allow(unsafe_code)]

use std::mem;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use super::attributes::{Attributes, EXCLUDE_HYPERVISOR};
use super::page_size::page_size;

const PERF_COUNT_SW_DUMMY: u64 = 9;
const EXCLUDE_KERNEL: u64 = 1 << 5;

const CAP_USER_TIME: u64 = 1 << 3;
const CAP_USER_TIME_SHORT: u64 = 1 << 5;

/// The number of events in this process. Each counts as an open file of the system and as a locked
/// page of the user.
static LIVE: AtomicU32 = AtomicU32::new(0);

/// The head of the page.
#[repr(C)]
#[derive(Debug, Default)]
struct Page {
    version: AtomicU32,
    compatible_version: AtomicU32,
    /// Odd while the kernel writes. Together with `index` after it, which is 0 for a software
    /// event, it forms one 64-bit word.
    lock: AtomicU32,
    index: AtomicU32,
    offset: AtomicI64,
    time_enabled: AtomicU64,
    time_running: AtomicU64,
    capabilities: AtomicU64,
    pmc_width: AtomicU16,
    time_shift: AtomicU16,
    time_mult: AtomicU32,
    time_offset: AtomicU64,
    time_zero: AtomicU64,
    size: AtomicU32,
    reserved: AtomicU32,
    time_cycles: AtomicU64,
    time_mask: AtomicU64,
}

const _: () = assert!(
    mem::offset_of!(Page, lock) == 8
        && mem::offset_of!(Page, time_enabled) == 24
        && mem::offset_of!(Page, capabilities) == 40
        && mem::offset_of!(Page, time_mult) == 52
        && mem::offset_of!(Page, time_cycles) == 80
        && mem::align_of::<Page>() == 8
);

/// The event of the calling thread.
#[derive(Debug)]
pub(in super::super) struct Event {
    page: NonNull<Page>,
}

impl Event {
    /// Opens an event for the calling thread. `None` if the kernel refuses (`perf_event_paranoid`
    /// above 2, seccomp, limits) or a quarter of the descriptor limit is in use.
    ///
    /// **Cost.** Three system calls.
    pub(in super::super) fn open() -> Option<Self> {
        if LIVE.fetch_add(1, Relaxed) >= limit() {
            LIVE.fetch_sub(1, Relaxed);
            return None;
        }
        let page = map();
        if page.is_none() {
            LIVE.fetch_sub(1, Relaxed);
        }
        Some(Self { page: page? })
    }

    /// The word that changes when the thread is scheduled in. It is readable until the event is
    /// closed, except in a forked child.
    pub(in super::super) fn word(&self) -> *const AtomicU64 {
        // SAFETY: within the page; the fields at 8 and 12 form one aligned word.
        unsafe { self.page.as_ptr().cast::<u8>().add(mem::offset_of!(Page, lock)) }.cast()
    }

    /// Whether [`time_ns`](Self::time_ns) works.
    pub(in super::super) fn tells_time(&self) -> bool {
        // SAFETY: mapped: the owner has just opened the event, so this is not a forked child.
        let page = unsafe { self.page.as_ref() };
        page.capabilities.load(Relaxed) & CAP_USER_TIME != 0 && page.version.load(Relaxed) == 0
    }

    /// How long the thread has been on the CPU since the event was opened, up to `counter`: a
    /// reading of the processor's counter taken after the thread was last scheduled in.
    ///
    /// # Safety
    /// Not in a forked child.
    pub(in super::super) unsafe fn time_ns(&self, counter: u64) -> u64 {
        // SAFETY: mapped outside forked children.
        unsafe { self.page.as_ref() }.time_ns(counter)
    }

    /// # Safety
    /// The page is not read afterwards.
    pub(in super::super) unsafe fn close(&mut self, forked: bool) {
        // In a forked child the page is not mapped, and its address may be used by other code.
        if !forked {
            // SAFETY: the mapping made in `map`. Unmapping it ends the event.
            unsafe { libc::munmap(self.page.as_ptr().cast(), page_size()) };
            LIVE.fetch_sub(1, Relaxed);
        }
    }
}

impl Page {
    fn time_ns(&self, counter: u64) -> u64 {
        loop {
            let lock = self.lock.load(Acquire);
            let mut cycles = counter;
            if self.capabilities.load(Relaxed) & CAP_USER_TIME_SHORT != 0 {
                let base = self.time_cycles.load(Relaxed);
                cycles = base.wrapping_add(cycles.wrapping_sub(base) & self.time_mask.load(Relaxed));
            }
            let scaled = (u128::from(cycles) * u128::from(self.time_mult.load(Relaxed)))
                >> self.time_shift.load(Relaxed).min(63);
            let since = self.time_offset.load(Relaxed).wrapping_add(scaled as u64);
            let time = self.time_enabled.load(Relaxed).wrapping_add(since);
            // NOTE: the kernel writes on this CPU, while this thread does not run. So program order
            // is sufficient, and an odd value is never seen.
            std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
            if self.lock.load(Relaxed) == lock {
                return time;
            }
        }
    }
}

/// A forked child has none of the parent's events.
pub(in super::super) fn after_fork() {
    LIVE.store(0, Relaxed);
}

fn map() -> Option<NonNull<Page>> {
    let mut attributes = Attributes::software(PERF_COUNT_SW_DUMMY);
    attributes.flags = EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR;
    let descriptor = attributes.open(0).ok()?;
    // SAFETY: a new mapping, of the event's head page alone, at an address that the kernel chooses.
    let page = unsafe { libc::mmap(ptr::null_mut(), page_size(), libc::PROT_READ, libc::MAP_SHARED, descriptor, 0) };
    // SAFETY: opened above and used nowhere else.
    unsafe { libc::close(descriptor) };
    if page == libc::MAP_FAILED { None } else { NonNull::new(page.cast()) }
}

fn limit() -> u32 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid pointer for the result.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 0;
    }
    u32::try_from(limit.rlim_cur / 4).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(mult: u32, shift: u16, offset: u64, enabled: u64) -> Page {
        Page {
            capabilities: AtomicU64::new(CAP_USER_TIME),
            time_mult: AtomicU32::new(mult),
            time_shift: AtomicU16::new(shift),
            time_offset: AtomicU64::new(offset),
            time_enabled: AtomicU64::new(enabled),
            ..Page::default()
        }
    }

    #[test]
    fn time_is_scaled_as_the_kernel_says() {
        // 2 ns for each tick; scheduled in at tick 1000, after 700 ns of CPU time.
        let page = page(1 << 11, 10, 0_u64.wrapping_sub(2000), 700);
        assert_eq!(page.time_ns(1000), 700);
        assert_eq!(page.time_ns(1250), 1200);
    }

    #[test]
    fn great_counters_do_not_overflow() {
        let page = page(u32::MAX, 31, 0, 0);
        assert_eq!(page.time_ns(1 << 62), (((1_u128 << 62) * u128::from(u32::MAX)) >> 31) as u64);
    }

    #[test]
    fn short_counters_are_extended() {
        let page = page(1, 0, 0, 5);
        page.capabilities.store(CAP_USER_TIME | CAP_USER_TIME_SHORT, Relaxed);
        page.time_cycles.store(0xff_0000_00f0, Relaxed);
        page.time_mask.store(0xffff_ffff, Relaxed);
        assert_eq!(page.time_ns(0x0000_0110), 0xff_0000_0110 + 5);
    }

    #[test]
    fn no_descriptor_is_kept() {
        let descriptors = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let before = descriptors();
        let mut events: Vec<Event> = (0..64).map_while(|_| Event::open()).collect();
        assert!(descriptors() < before + 32, "{} events", events.len());
        for event in &mut events {
            // SAFETY: never read.
            unsafe { event.close(false) };
        }
    }
}
