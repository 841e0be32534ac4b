//! A thread of the profiler's own, as the system makes it.
//!
//! A thread of the standard library asks for an alternate signal stack before anything of ours runs
//! on it, and ends the process where it gets none. Here a thread needs its stack and nothing else,
//! and there being none is an error of whoever starts it. It begins with all signals blocked: they
//! are for the program's own threads.
//!
//! The price: `std::thread::current()` has no name there, and an overflow of its stack has no
//! message.
#![allow(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

use system::System;

/// As much as the standard library's threads have.
const STACK_BYTES: usize = 2 << 20;

/// A thread that runs. Goes on by itself when this drops.
#[derive(Debug)]
pub(crate) struct OsThread {
    system: System,
    is_over: Arc<AtomicBool>,
}

impl OsThread {
    /// Runs `run` on a thread of that name. A panic ends that thread alone.
    pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::with_stack(name, STACK_BYTES, run)
    }

    /// As [`spawn`](Self::spawn), on a stack of so many bytes.
    pub(crate) fn with_stack(name: &str, bytes: usize, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let run = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                // It was told; that which is thrown may panic once more when it drops.
                std::mem::forget(panic);
            }
            over.store(true, Release);
        };
        Ok(Self { system: System::spawn(name, bytes, Box::new(run))?, is_over })
    }

    /// Whether all of its work is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_over.load(Acquire)
    }

    /// Waits until there is nothing left of it.
    pub(crate) fn join(self) {
        self.system.join();
    }
}

/// The address of what the C library calls on such a thread.
#[cfg(all(target_env = "musl", feature = "stacks", not(miri)))]
pub(crate) fn first_function() -> u64 {
    system::first_function()
}

#[cfg(all(unix, not(miri)))]
mod system {
    use std::ffi::{CString, c_void};
    use std::mem::MaybeUninit;
    use std::{io, ptr};

    use crate::base::signals::Blocked;

    /// What a thread begins with.
    struct Start {
        name: CString,
        run: Box<dyn FnOnce() + Send>,
    }

    #[derive(Debug)]
    pub(super) struct System(libc::pthread_t);

    // SAFETY: a pointer with some C libraries; any thread may join or detach the thread that it
    // stands for, and whoever has the only `System` of it does so once.
    unsafe impl Send for System {}
    // SAFETY: a shared one is good for nothing but its debug text.
    unsafe impl Sync for System {}

    impl System {
        pub(super) fn spawn(name: &str, stack_bytes: usize, run: Box<dyn FnOnce() + Send>) -> io::Result<Self> {
            /// With the zero at its end.
            const LONGEST_NAME: usize = 16;
            let name = &name.as_bytes()[..name.len().min(LONGEST_NAME - 1)];
            let name = CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            let start = Box::into_raw(Box::new(Start { name, run }));
            // The thread begins with the signals that are blocked here.
            let _blocked = Blocked::all();
            let mut thread = MaybeUninit::uninit();
            let mut form = MaybeUninit::<libc::pthread_attr_t>::uninit();
            // SAFETY: `form` is initialised by the first call, used by the next two and destroyed
            // by the last; `main` takes what `start` points to, which nobody else holds.
            let failed = unsafe {
                let mut failed = libc::pthread_attr_init(form.as_mut_ptr());
                if failed == 0 {
                    failed = libc::pthread_attr_setstacksize(form.as_mut_ptr(), stack_bytes);
                    if failed == 0 {
                        failed = libc::pthread_create(thread.as_mut_ptr(), form.as_ptr(), main, start.cast());
                    }
                    libc::pthread_attr_destroy(form.as_mut_ptr());
                }
                failed
            };
            if failed != 0 {
                // SAFETY: made above, and no thread has it.
                drop(unsafe { Box::from_raw(start) });
                return Err(io::Error::from_raw_os_error(failed));
            }
            // SAFETY: a thread was made, so its number was written.
            Ok(Self(unsafe { thread.assume_init() }))
        }

        pub(super) fn join(self) {
            let thread = self.0;
            std::mem::forget(self);
            // SAFETY: a thread made in `spawn`, neither joined nor detached before: both take the
            // only `System` of it.
            unsafe { libc::pthread_join(thread, ptr::null_mut()) };
        }
    }

    impl Drop for System {
        fn drop(&mut self) {
            // SAFETY: as in `join`.
            unsafe { libc::pthread_detach(self.0) };
        }
    }

    #[cfg(all(target_env = "musl", feature = "stacks"))]
    pub(super) fn first_function() -> u64 {
        (main as extern "C" fn(*mut c_void) -> *mut c_void as *const ()).addr() as u64
    }

    extern "C" fn main(start: *mut c_void) -> *mut c_void {
        // SAFETY: what `spawn` gave to this thread alone.
        let Start { name, run } = *unsafe { Box::from_raw(start.cast::<Start>()) };
        // SAFETY: this thread, and a text that ends with a zero.
        unsafe {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            libc::pthread_setname_np(libc::pthread_self(), name.as_ptr());
            #[cfg(target_vendor = "apple")]
            libc::pthread_setname_np(name.as_ptr());
        }
        drop(name);
        run();
        ptr::null_mut()
    }
}

#[cfg(any(not(unix), miri))]
mod system {
    use std::io;
    use std::thread::{Builder, JoinHandle};

    #[derive(Debug)]
    pub(super) struct System(JoinHandle<()>);

    impl System {
        pub(super) fn spawn(name: &str, stack_bytes: usize, run: Box<dyn FnOnce() + Send>) -> io::Result<Self> {
            Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(run).map(Self)
        }

        pub(super) fn join(self) {
            let _ = self.0.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_runs_once_and_can_be_waited_for() {
        let (say, hear) = channel();
        let thread = OsThread::spawn("perf-sdk-test", move || say.send(7).unwrap()).unwrap();
        assert_eq!((hear.recv(), hear.recv().is_err()), (Ok(7), true));
        thread.join();
    }

    #[test]
    fn a_panic_ends_it_alone() {
        let (say, hear) = channel::<()>();
        let thread = OsThread::spawn("perf-sdk-test", move || {
            let _say = say;
            std::panic::panic_any("a test's");
        });
        assert!(hear.recv().is_err());
        thread.unwrap().join();
    }

    #[test]
    fn one_that_nobody_waits_for_goes_on() {
        let (go, told) = channel::<()>();
        let (say, hear) = channel();
        let thread = OsThread::spawn("perf-sdk-test", move || say.send(told.recv()).unwrap()).unwrap();
        assert!(!thread.is_finished());
        drop(thread);
        go.send(()).unwrap();
        assert_eq!(hear.recv(), Ok(Ok(())));
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    mod linux {
        use std::process::{Command, Stdio};
        use std::{env, fs, ptr};

        use super::*;

        /// Set: this is the process whose memory is to run out.
        const CHILD: &str = "PERF_SDK_TEST_NO_MEMORY";

        #[test]
        fn it_has_its_name_and_takes_no_signals() {
            let (say, hear) = channel();
            let thread = OsThread::spawn("perf-sdk-is-longer-than-that", move || {
                say.send(fs::read_to_string("/proc/thread-self/status").unwrap()).unwrap();
            });
            let status = hear.recv().unwrap();
            thread.unwrap().join();
            assert!(status.starts_with("Name:\tperf-sdk-is-lon\n"), "{status}");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
            // SIGKILL and SIGSTOP cannot be, and two are the C library's own.
            const OTHERS: u64 = 1 << 8 | 1 << 18 | 0b11 << 31;
            assert_eq!(u64::from_str_radix(blocked, 16).unwrap() | OTHERS, u64::MAX);
            // The one that starts it goes on taking them.
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
        }

        #[test]
        fn it_needs_no_memory_beside_its_stack() {
            if env::var_os(CHILD).is_some() {
                return run_where_a_stack_is_left();
            }
            // As the harness calls it: without the crate.
            let (_, module) = module_path!().split_once("::").unwrap();
            let name = &format!("{module}::it_needs_no_memory_beside_its_stack");
            let mut child = Command::new(env::current_exe().unwrap());
            let child =
                child.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1").stdin(Stdio::null());
            let ended = child.output().unwrap();
            let said = String::from_utf8_lossy(&ended.stdout);
            assert!(
                ended.status.success() && said.contains("it ran"),
                "{said}{}",
                String::from_utf8_lossy(&ended.stderr)
            );
        }

        fn map(bytes: usize) -> *mut libc::c_void {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: a new mapping, or none.
            unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) }
        }

        fn run_where_a_stack_is_left() {
            const PAGE: usize = 4096;
            /// A thread of the standard library takes an alternate stack of more than that.
            const REST: usize = 2 * PAGE;
            let (say, hear) = channel();
            let mapped = fs::read_to_string("/proc/self/statm").unwrap();
            let pages: u64 = mapped.split(' ').next().unwrap().parse().unwrap();
            let set_limit = |bytes: u64| {
                let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
                // SAFETY: a valid limit.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
            };
            // All threads share what the allocator has: small blocks that are free between others.
            // SAFETY: an option of the allocator's.
            assert_eq!(unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) }, 1);
            let mut blocks: Vec<Option<Box<[u8; 512]>>> = (0..4096).map(|_| Some(Box::new([1; 512]))).collect();
            blocks.iter_mut().rev().skip(1).for_each(|block| *block = None);
            // With its guard.
            let stack = STACK_BYTES + PAGE;
            let place = map(stack);
            set_limit(pages * PAGE as u64 + (stack + REST + (1 << 20)) as u64);
            // All but the rest, then as much as a stack takes is given back.
            let mut taken = 0;
            while map(PAGE) != libc::MAP_FAILED {
                taken += 1;
            }
            // SAFETY: mapped above.
            assert_eq!(unsafe { libc::munmap(place, stack) }, 0);
            let thread = OsThread::spawn("perf-sdk-test", move || say.send(()).unwrap());
            let heard = hear.recv();
            set_limit(libc::RLIM_INFINITY);
            thread.unwrap().join();
            assert_eq!((heard, taken > 0), (Ok(()), true));
            println!("it ran");
        }
    }
}
