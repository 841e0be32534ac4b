//! System calls about this process.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]
#![allow(unsafe_code)]

use std::fs::File;

/// What the process and all its threads used, of the kernel's accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) user_seconds: f64,
    pub(super) system_seconds: f64,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    pub(super) voluntary_switches: u64,
    pub(super) involuntary_switches: u64,
}

/// Its resident peak is left out: a program that was started by `exec` begins with that of the
/// process in which it was.
#[cfg(unix)]
pub(super) fn usage() -> Result<Usage, &'static str> {
    // SAFETY: all fields are numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: a valid pointer for the result.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
        return Err("getrusage failed");
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let count = |count: libc::c_long| u64::try_from(count).unwrap_or(0);
    Ok(Usage {
        user_seconds: seconds(usage.ru_utime),
        system_seconds: seconds(usage.ru_stime),
        minor_faults: count(usage.ru_minflt),
        major_faults: count(usage.ru_majflt),
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
    })
}

#[cfg(not(unix))]
pub(super) fn usage() -> Result<Usage, &'static str> {
    Err("unsupported platform")
}

/// The number of descriptors that the process may have open.
#[cfg(unix)]
pub(super) fn descriptor_limit() -> Result<f64, &'static str> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid pointer for the result.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err("getrlimit failed");
    }
    if limit.rlim_cur == libc::RLIM_INFINITY { Err("unlimited") } else { Ok(limit.rlim_cur as f64) }
}

#[cfg(not(unix))]
pub(super) fn descriptor_limit() -> Result<f64, &'static str> {
    Err("unsupported platform")
}

/// The number of entries of an open folder, without `.` and `..`.
#[cfg(target_os = "linux")]
pub(super) fn entries(folder: &File) -> Result<u64, &'static str> {
    use std::os::fd::AsRawFd as _;

    /// Of a record, the position of its length and of its name: see getdents64(2).
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    #[repr(C, align(8))]
    struct Records([u8; 4096]);

    let descriptor = folder.as_raw_fd();
    // SAFETY: an open descriptor, which only the caller's thread reads from.
    if unsafe { libc::lseek(descriptor, 0, libc::SEEK_SET) } != 0 {
        return Err("an error when it was read");
    }
    let (mut records, mut count) = (Records([0; 4096]), 0);
    loop {
        let size = records.0.len();
        // SAFETY: an open descriptor, and a live buffer of this size.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, descriptor, records.0.as_mut_ptr(), size) };
        let mut rest = match usize::try_from(read) {
            Ok(0) => return Ok(count),
            Ok(length) => records.0.get(..length).unwrap_or_default(),
            Err(_) => return Err("an error when it was read"),
        };
        while let (Some(&low), Some(&high), Some(name)) = (rest.get(LENGTH), rest.get(LENGTH + 1), rest.get(NAME..)) {
            let is_entry = !name.starts_with(b".\0") && !name.starts_with(b"..\0");
            count += u64::from(is_entry);
            let length = usize::from(u16::from_ne_bytes([low, high]));
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn entries(_: &File) -> Result<u64, &'static str> {
    Err("unsupported platform")
}

/// Seconds since the system was started, with the time for which it slept: the clock of the start
/// times of processes.
#[cfg(target_os = "linux")]
pub(super) fn seconds_since_boot() -> Option<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer for the result.
    let is_known = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) } == 0;
    is_known.then(|| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn seconds_since_boot() -> Option<f64> {
    None
}

/// CPU time of the calling thread.
#[cfg(all(test, target_os = "linux"))]
pub(super) fn thread_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The unit of times in `/proc`: so many a second.
#[cfg(unix)]
pub(super) fn ticks_per_second() -> f64 {
    // SAFETY: reads a system constant.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

#[cfg(not(unix))]
pub(super) fn ticks_per_second() -> f64 {
    100.0
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::*;
    use crate::monitor::recorded::Tree;

    #[test]
    fn entries_of_a_folder_are_counted_each_time() {
        let names: Vec<String> = (0..300).map(|n| format!("folder/a file with a long name {n}")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let tree = Tree::of("entries", &files);
        let folder = File::open(tree.root().join("folder")).unwrap();
        assert_eq!(entries(&folder), Ok(300));
        std::fs::write(tree.root().join("folder/.hidden"), "").unwrap();
        assert_eq!(entries(&folder), Ok(301));
        let file = File::open(tree.root().join("folder/.hidden")).unwrap();
        assert!(entries(&file).is_err());
    }
}
