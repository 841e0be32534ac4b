//! Readings that need a system call.
#![allow(unsafe_code)]

#[cfg(unix)]
fn clock_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer for the result.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some((time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64))
}

/// CPU time of the calling thread. `None` where there is no such clock.
#[cfg(unix)]
pub(super) fn thread_cpu_ns() -> Option<u64> {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the calling thread. `None` where there is no such clock.
#[cfg(not(unix))]
pub(super) fn thread_cpu_ns() -> Option<u64> {
    None
}

/// CPU time of this process: of all its threads, including those that have ended. `None` where
/// there is no such clock.
#[cfg(unix)]
pub(crate) fn process_cpu_ns() -> Option<u64> {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of this process: not available on this system.
#[cfg(not(unix))]
pub(crate) fn process_cpu_ns() -> Option<u64> {
    None
}

/// The kernel's id of the calling thread.
#[cfg(target_os = "linux")]
pub(crate) fn thread_id() -> u32 {
    // SAFETY: no arguments, cannot fail.
    (unsafe { libc::gettid() }) as u32
}

/// A number that is unique to the calling thread.
#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_id() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// CPU time of another thread of this process, by the kernel's thread id. `None` if it has ended.
///
/// **Cost.** A system call. **Blind spot.** If a thread has ended and a new thread of this process
/// has its id, the new one is read.
#[cfg(target_os = "linux")]
pub(crate) fn thread_cpu_ns_of(thread: u32) -> Option<u64> {
    /// `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED` of the kernel's
    /// `include/linux/posix-timers_types.h`.
    const THREAD_RUNTIME: u32 = 4 | 2;
    clock_ns((!thread << 3 | THREAD_RUNTIME) as libc::clockid_t)
}

/// CPU time of another thread: not available on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_cpu_ns_of(_thread: u32) -> Option<u64> {
    None
}

/// How often the calling thread left the CPU, as counted by the kernel.
#[cfg(target_os = "linux")]
pub(super) fn thread_switches() -> Option<u64> {
    switches(libc::RUSAGE_THREAD)
}

/// How often the threads of this process left the CPU, including those that have ended.
///
/// **Cost.** A system call that visits all threads.
#[cfg(all(target_os = "linux", feature = "stacks"))]
pub(crate) fn process_switches() -> Option<u64> {
    switches(libc::RUSAGE_SELF)
}

#[cfg(target_os = "linux")]
fn switches(of: libc::c_int) -> Option<u64> {
    // SAFETY: all fields are numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: a valid pointer for the result.
    if unsafe { libc::getrusage(of, &raw mut usage) } != 0 {
        return None;
    }
    Some((usage.ru_nvcsw as u64).wrapping_add(usage.ru_nivcsw as u64))
}

/// How often the calling thread left the CPU: not available on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_switches() -> Option<u64> {
    None
}

/// Waits on a futex that is never woken, until the timeout.
#[cfg(target_os = "linux")]
pub(super) fn futex_wait(ns: u32) {
    let word = 0_u32;
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: ns as _ };
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word and the timeout live until the call returns, at the timeout.
    unsafe { libc::syscall(libc::SYS_futex, &raw const word, operation, 0, &raw const timeout) };
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn another_thread_is_read_while_it_lives() {
        let (send, receive) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            while thread_cpu_ns().is_some_and(|ns| ns < 3_000_000) {}
            // SAFETY: no arguments.
            send.send(unsafe { libc::gettid() } as u32).unwrap();
            let _ = ended.recv();
            thread_cpu_ns().unwrap()
        });
        let id = receive.recv().unwrap();
        let ns = thread_cpu_ns_of(id).unwrap();
        drop(end);
        let all = other.join().unwrap();
        assert!((3_000_000..=all).contains(&ns), "{ns} of {all}");
        assert_eq!(thread_cpu_ns_of(1), None, "a thread of another process");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_sleep_is_a_switch() {
        let before = thread_switches().unwrap();
        futex_wait(100_000);
        assert!(thread_switches().unwrap() > before);
    }
}
