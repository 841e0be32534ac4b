//! The attributes of a perf event: what it counts.
#![allow(unsafe_code)]

use std::io;
use std::mem;

const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;

pub(crate) const EXCLUDE_HYPERVISOR: u64 = 1 << 6;

/// The first version of `struct perf_event_attr`, which every kernel accepts.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    /// The period between two signals, in units of the counted event.
    pub(crate) sample_period: u64,
    pub(crate) sample_type: u64,
    read_format: u64,
    pub(crate) flags: u64,
    pub(crate) wakeup: u32,
    breakpoint_kind: u32,
    config1: u64,
}

const _: () = assert!(mem::size_of::<Attributes>() == 64);

impl Attributes {
    /// The attributes of one of the kernel's software counters.
    pub(crate) fn software(config: u64) -> Self {
        Self { kind: PERF_TYPE_SOFTWARE, size: mem::size_of::<Self>() as u32, config, ..Self::default() }
    }

    /// Opens the event for this thread, 0 for the calling one, and returns its descriptor.
    ///
    /// # Errors
    /// Any error of the system call.
    pub(crate) fn open(&self, thread: u32) -> io::Result<i32> {
        let (thread, attributes) = (thread as i32, std::ptr::from_ref(self));
        // SAFETY: valid attributes of the size that they state; this thread, any CPU, no group.
        let descriptor =
            unsafe { libc::syscall(libc::SYS_perf_event_open, attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC) };
        if descriptor < 0 { Err(io::Error::last_os_error()) } else { Ok(descriptor as i32) }
    }
}
