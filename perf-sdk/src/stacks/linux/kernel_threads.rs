//! The process's threads, as the kernel lists them.

use std::io;

use super::signal::SIGNAL;
use crate::base::small_file;

/// The kernel's ids of all threads. One may be missing if others end meanwhile.
pub(super) fn threads() -> io::Result<Vec<u32>> {
    small_file::entries("/proc/self/task", |entries| {
        let mut threads = Vec::new();
        for entry in entries {
            threads.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        Ok(threads)
    })?
}

/// Empty if it has ended.
pub(super) fn thread_name(thread: u32) -> String {
    let name = small_file::read_to_string(format!("/proc/self/task/{thread}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// CPU time of a thread of this process. `None` if it has ended.
///
/// **Cost.** A system call, some 400 ns.
#[allow(unsafe_code)]
pub(super) fn thread_cpu_ns(thread: u32) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer for the result.
    let known = unsafe { libc::clock_gettime(thread_clock(thread), &raw mut time) } == 0;
    known.then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Whether a thread of this process has ended, so that none of its code runs any more. `false` if
/// that is not certain.
///
/// **Cost.** As for [`thread_cpu_ns`].
pub(super) fn has_ended(thread: u32) -> bool {
    thread_cpu_ns(thread).is_none() && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}

/// Whether a thread blocks our signal, or waits synchronously for signals, possibly including ours.
/// True if it has ended.
///
/// **Cost.** Reads small files of the kernel three times, some 40 µs. **Blind spot.** A thread that
/// waits for signals repeatedly may be read between two waits. It then receives one of ours.
pub(super) fn blocks_signal(thread: u32) -> bool {
    let read = |file: &str| small_file::read_to_string(format!("/proc/self/task/{thread}/{file}")).unwrap_or_default();
    // While a thread waits for signals, the kernel does not list those as blocked. So the state is
    // read before and after. A thread that was woken and waits for a CPU counts as running, which
    // cannot be distinguished here.
    let is_waiting =
        || read("syscall").split(' ').next().and_then(|call| call.parse().ok()) == Some(libc::SYS_rt_sigtimedwait);
    if is_waiting() {
        return true;
    }
    let status = read("status");
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let blocked = blocked.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The C library removes its own first real-time signal from programs' masks. It blocks it only
    // briefly itself, for example while a thread starts.
    const OWN: u64 = 1 << 31;
    blocked.is_none_or(|mask| mask & (1 << (SIGNAL - 1)) != 0 && mask & OWN == 0) || is_waiting()
}

/// The clock of a thread's CPU time.
pub(super) fn thread_clock(thread: u32) -> libc::clockid_t {
    /// `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED` of the kernel's
    /// `include/linux/posix-timers_types.h`.
    const THREAD_RUNTIME: u32 = 4 | 2;
    (!thread << 3 | THREAD_RUNTIME) as libc::clockid_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_is_among_them_with_its_name() {
        std::thread::Builder::new()
            .name("a named one".to_owned())
            .spawn(|| {
                let own = crate::clock::thread_id();
                assert!(threads().unwrap().contains(&own));
                assert_eq!(thread_name(own), "a named one");
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(thread_name(u32::MAX), "");
    }

    #[test]
    fn the_cpu_time_of_a_thread_is_its_own() {
        let [before, own] = [0, 1].map(|_| thread_cpu_ns(crate::clock::thread_id()).unwrap());
        assert!(before > 0 && own >= before);
        assert_eq!(thread_cpu_ns(u32::MAX >> 4), None);
    }

    #[test]
    fn an_ended_thread_is_distinguished_from_a_live_one() {
        let (give, take) = std::sync::mpsc::channel();
        let (over, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            give.send(crate::clock::thread_id()).unwrap();
            let _ = wait.recv();
        });
        let id = take.recv().unwrap();
        assert!(!has_ended(id));
        drop(over);
        thread.join().unwrap();
        while !has_ended(id) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_blocks_the_signal_is_detected() {
        let own = crate::clock::thread_id();
        assert!(!blocks_signal(own) && blocks_signal(u32::MAX >> 4));
        let blocked = std::thread::spawn(|| {
            std::mem::forget(crate::base::signals::Blocked::all());
            blocks_signal(crate::clock::thread_id())
        });
        assert!(blocked.join().unwrap());
    }
}
