//! A thread of the profiler's own, made directly by the system's functions.
//!
//! A thread of the standard library allocates an alternate signal stack before it runs any code of
//! ours, and aborts the process if that fails. A thread made here needs only its stack, and its
//! creator gets an error if the thread cannot be made. It begins with all signals blocked, because
//! signals are for the program's own threads.
//!
//! The price: `std::thread::current()` has no name there, and a stack overflow is not reported.
#![allow(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

use system::System;

/// As large as the standard library's default.
const STACK_BYTES: usize = 2 << 20;

/// A running thread. It is detached when this drops.
#[derive(Debug)]
pub(crate) struct OsThread {
    system: System,
    is_over: Arc<AtomicBool>,
}

impl OsThread {
    /// Runs `run` on a thread with this name. A panic ends only that thread.
    pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::with_stack(name, STACK_BYTES, run)
    }

    /// As [`spawn`](Self::spawn), with a stack of this many bytes.
    pub(crate) fn with_stack(name: &str, bytes: usize, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::boxed(name, bytes, Box::new(run))
    }

    fn boxed(name: &str, bytes: usize, run: Box<dyn FnOnce() + Send>) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let run = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                // The panic was reported already. Dropping its payload could panic once more.
                std::mem::forget(panic);
            }
            over.store(true, Release);
        };
        Ok(Self { system: System::spawn(name, bytes, Box::new(run))?, is_over })
    }

    /// Whether its work is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_over.load(Acquire)
    }

    /// Waits until the thread has ended completely.
    pub(crate) fn join(self) {
        self.system.join();
    }
}

/// The address of the function that the C library calls on such a thread.
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

    /// What a thread starts with.
    struct Start {
        name: CString,
        run: Box<dyn FnOnce() + Send>,
    }

    #[derive(Debug)]
    pub(super) struct System(libc::pthread_t);

    // SAFETY: it is a pointer in some C libraries. Any thread may join or detach the thread, and
    // the owner of its only `System` does so once.
    unsafe impl Send for System {}
    // SAFETY: a shared reference only allows its debug output.
    unsafe impl Sync for System {}

    impl System {
        pub(super) fn spawn(name: &str, stack_bytes: usize, run: Box<dyn FnOnce() + Send>) -> io::Result<Self> {
            /// Including the terminating zero.
            const LONGEST_NAME: usize = 16;
            let name = &name.as_bytes()[..name.len().min(LONGEST_NAME - 1)];
            let name = CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            let start = Box::into_raw(Box::new(Start { name, run }));
            // The thread inherits the signal mask from here.
            let _blocked = Blocked::all();
            let mut thread = MaybeUninit::uninit();
            let mut form = MaybeUninit::<libc::pthread_attr_t>::uninit();
            // SAFETY: `form` is initialized by the first call, used by the next two and destroyed
            // by the last. `main` takes ownership of what `start` points to, and nobody else uses
            // it.
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
                // SAFETY: made above, and no thread got it.
                drop(unsafe { Box::from_raw(start) });
                return Err(io::Error::from_raw_os_error(failed));
            }
            // SAFETY: a thread was made, so its id was written.
            Ok(Self(unsafe { thread.assume_init() }))
        }

        pub(super) fn join(self) {
            let thread = self.0;
            std::mem::forget(self);
            // SAFETY: a thread made in `spawn`, neither joined nor detached before: both consume
            // its only `System`.
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
        // SAFETY: `spawn` passed it to this thread alone.
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
    fn a_thread_runs_once_and_can_be_joined() {
        let (say, hear) = channel();
        let thread = OsThread::spawn("perf-sdk-test", move || say.send(7).unwrap()).unwrap();
        assert_eq!((hear.recv(), hear.recv().is_err()), (Ok(7), true));
        thread.join();
    }

    #[test]
    fn a_panic_ends_only_its_thread() {
        let (say, hear) = channel::<()>();
        let thread = OsThread::spawn("perf-sdk-test", move || {
            let _say = say;
            std::panic::panic_any("a test's");
        });
        assert!(hear.recv().is_err());
        thread.unwrap().join();
    }

    #[test]
    fn a_detached_thread_continues() {
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

        /// If set, this is the child process whose memory is exhausted.
        const CHILD: &str = "PERF_SDK_TEST_NO_MEMORY";

        #[test]
        fn a_thread_has_its_name_and_blocks_all_signals() {
            let (say, hear) = channel();
            let thread = OsThread::spawn("perf-sdk-is-longer-than-that", move || {
                say.send(fs::read_to_string("/proc/thread-self/status").unwrap()).unwrap();
            });
            let status = hear.recv().unwrap();
            thread.unwrap().join();
            assert!(status.starts_with("Name:\tperf-sdk-is-lon\n"), "{status}");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
            // SIGKILL and SIGSTOP cannot be blocked, and two are used by the C library itself.
            const OTHERS: u64 = 1 << 8 | 1 << 18 | 0b11 << 31;
            assert_eq!(u64::from_str_radix(blocked, 16).unwrap() | OTHERS, u64::MAX);
            // The thread that starts it still receives them.
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
        }

        #[test]
        fn it_needs_no_memory_beside_its_stack() {
            if env::var_os(CHILD).is_some() {
                return run_where_a_stack_is_left();
            }
            // The name as the test harness knows it: without the crate.
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
            /// The alternate stack of a standard thread is larger than this.
            const REST: usize = 2 * PAGE;
            let (say, hear) = channel();
            let mapped = fs::read_to_string("/proc/self/statm").unwrap();
            let pages: u64 = mapped.split(' ').next().unwrap().parse().unwrap();
            let set_limit = |bytes: u64| {
                let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
                // SAFETY: a valid limit.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
            };
            // All threads share the allocator's small free blocks. SAFETY: an option of the
            // allocator.
            assert_eq!(unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) }, 1);
            let mut blocks: Vec<Option<Box<[u8; 512]>>> = (0..4096).map(|_| Some(Box::new([1; 512]))).collect();
            blocks.iter_mut().rev().skip(1).for_each(|block| *block = None);
            // Including its guard page.
            let stack = STACK_BYTES + PAGE;
            let place = map(stack);
            set_limit(pages * PAGE as u64 + (stack + REST + (1 << 20)) as u64);
            // All memory is used up except for the rest; then as much as a stack needs is released.
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
