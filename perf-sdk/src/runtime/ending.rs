//! The end of a process other than by the return of `main`: an exit, and signals that request it.
#![cfg_attr(not(unix), allow(dead_code))]
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub(crate) use linux::Asked;
#[cfg(unix)]
pub(crate) use unix::{at_exit, exit_with_status, set_status};

#[cfg(unix)]
mod unix {
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
    use std::sync::{Once, OnceLock};

    use libc::c_int;

    use crate::base::process_identity::{AtomicProcess, Process};

    static AT_EXIT: OnceLock<fn()> = OnceLock::new();

    /// The status with which the process is to end instead of 0. 0: its own.
    static STATUS: AtomicI32 = AtomicI32::new(0);
    /// The process for which it holds: not a forked child.
    static STATUS_OF: AtomicProcess = AtomicProcess::none();

    /// Sets the status with which the process ends if it would end with 0. `None`: with its own.
    pub(crate) fn set_status(status: Option<u32>) {
        STATUS_OF.store(Some(Process::current()), Relaxed);
        STATUS.store(status.and_then(|status| c_int::try_from(status).ok()).unwrap_or(0), Relaxed);
    }

    /// From now on, the status that [`set_status`] sets is that of the process. Further calls have
    /// no effect.
    pub(crate) fn exit_with_status() {
        static ONCE: Once = Once::new();
        ONCE.call_once(register);
    }

    /// The status that replaces `own`. Ends the profiler if it runs still, which may set one.
    fn replacing(own: c_int) -> Option<c_int> {
        if let Some(end) = AT_EXIT.get() {
            let _ = catch_unwind(end);
        }
        let status = STATUS.load(Relaxed);
        let is_ours = STATUS_OF.load(Relaxed).is_some_and(Process::is_current);
        (own == 0 && status != 0 && is_ours).then_some(status)
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn register() {
        use std::ffi::c_void;
        use std::ptr;

        unsafe extern "C" {
            fn on_exit(run: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        }
        extern "C" fn run(own: c_int, _: *mut c_void) {
            if let Some(status) = replacing(own) {
                // SAFETY: glibc allows it in a handler: the handlers that are left run, and the
                // status of the last call counts.
                unsafe { libc::exit(status) }
            }
        }
        // SAFETY: `run` does not unwind. If there is no memory for one more handler, the status
        // stays the program's own.
        unsafe { on_exit(run, ptr::null_mut()) };
    }

    /// Other C libraries do not tell a handler the status, and do not allow it to exit. Handlers
    /// that were registered before this one do not run if a status is set.
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    fn register() {
        extern "C" fn run() {
            if let Some(status) = replacing(0) {
                // SAFETY: null stands for all streams of C. `_exit` may be called anywhere.
                unsafe {
                    libc::fflush(std::ptr::null_mut());
                    libc::_exit(status);
                }
            }
        }
        // SAFETY: as in `at_exit`.
        unsafe { libc::atexit(run) };
    }

    /// Registers `end`, which then runs when this process or a forked child of it exits: by `exit`,
    /// and after the return of `main`. It does not run at `_exit` and `abort`. Further calls have
    /// no effect.
    pub(crate) fn at_exit(end: fn()) {
        extern "C" fn run() {
            if let Some(end) = AT_EXIT.get() {
                let _ = catch_unwind(end);
            }
        }
        if AT_EXIT.set(end).is_ok() {
            // SAFETY: `run` takes no arguments and does not unwind. If there is no memory for one
            // more handler, nothing runs at the exit.
            unsafe { libc::atexit(run) };
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::UnsafeCell;
    use std::mem::MaybeUninit;
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Acquire, Ordering::Release};
    use std::{io, process, ptr};

    use libc::c_int;

    use crate::base::os_thread::OsThread;
    use crate::base::process_identity::{AtomicProcess, Process};

    /// The signals by which a user or a supervisor asks the process to end.
    const SIGNALS: [c_int; 2] = [libc::SIGINT, libc::SIGTERM];

    /// The bell that a handler rings. Null: none.
    static WAKES: AtomicPtr<Bell> = AtomicPtr::new(ptr::null_mut());
    /// The process in which a thread waits for it.
    static PROCESS: AtomicProcess = AtomicProcess::none();

    /// A thread waits for it. Never freed, because a handler may be about to ring it.
    struct Bell {
        semaphore: UnsafeCell<libc::sem_t>,
        /// The signal that rang it. 0: the thread ends without a signal.
        signal: AtomicI32,
    }

    // SAFETY: a semaphore may be used by several threads, and the other field is an atomic.
    unsafe impl Sync for Bell {}

    impl Bell {
        fn new() -> &'static Self {
            // SAFETY: the C library's semaphore consists of integers, and it is not used before it
            // is initialised.
            let semaphore = UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() });
            let bell: &'static Self = Box::leak(Box::new(Self { semaphore, signal: AtomicI32::new(0) }));
            // SAFETY: the semaphore does not move any more, and is used by threads of this process
            // only. With a value of 0 the call cannot fail.
            unsafe { libc::sem_init(bell.semaphore.get(), 0, 0) };
            bell
        }

        /// Safe to call in a signal handler.
        fn ring(&self, signal: c_int) {
            self.signal.store(signal, Release);
            // SAFETY: initialised, and never destroyed.
            unsafe { libc::sem_post(self.semaphore.get()) };
        }

        fn wait(&self) -> c_int {
            // SAFETY: initialised, and never destroyed.
            while unsafe { libc::sem_wait(self.semaphore.get()) } != 0 {}
            self.signal.load(Acquire)
        }
    }

    /// Waits for the signals that request the end. When it drops, they have their default effect
    /// again.
    #[derive(Debug)]
    pub(crate) struct Asked {
        /// The signals whose default action was replaced.
        signals: Vec<c_int>,
        _thread: OsThread,
    }

    impl Asked {
        /// Runs `end` on a thread of the profiler when SIGINT or SIGTERM arrives. Then the process
        /// ends by that signal, as it would have without. A second signal ends it at once.
        ///
        /// A signal that the program handles or ignores is left as it is. So is every signal in
        /// the first process of a container, which the kernel does not end by it. If the program
        /// installs a handler later that calls this one in turn, nothing is done here.
        ///
        /// # Errors
        /// The system provides no thread.
        pub(crate) fn listen(end: fn()) -> io::Result<Self> {
            let bell = Bell::new();
            let thread = OsThread::spawn("perf-sdk-ends", move || {
                let signal = bell.wait();
                if signal != 0 {
                    let _ = catch_unwind(end);
                    end_by(signal);
                }
            })?;
            PROCESS.store(Some(Process::current()), Release);
            WAKES.store(ptr::from_ref(bell).cast_mut(), Release);
            let signals = SIGNALS.into_iter().filter(|&signal| process::id() != 1 && take_over(signal)).collect();
            Ok(Self { signals, _thread: thread })
        }
    }

    impl Drop for Asked {
        fn drop(&mut self) {
            for &signal in &self.signals {
                give_back(signal);
            }
            let bell = WAKES.swap(ptr::null_mut(), Release);
            // SAFETY: null, or a bell, which is never freed.
            if let Some(bell) = unsafe { bell.as_ref() } {
                // The thread ends unless a signal came before. Nothing waits for its end.
                let _ = bell.signal.compare_exchange(0, 0, Release, Acquire).map(|_| bell.ring(0));
            }
        }
    }

    /// Runs once: the default action is restored when it is called. If another handler was
    /// installed that calls this one, nothing is done.
    extern "C" fn handle(signal: c_int) {
        if action(signal).is_none_or(|now| now.sa_sigaction != libc::SIG_DFL) {
            return;
        }
        let is_ours = PROCESS.load(Acquire).is_some_and(Process::is_current);
        // SAFETY: null, or a bell, which is never freed.
        match unsafe { WAKES.load(Acquire).as_ref() } {
            Some(bell) if is_ours => bell.ring(signal),
            // In a forked child, or if no thread waits, the process ends once the handler has
            // returned. SAFETY: `raise` may be called in a signal handler.
            _ => drop(unsafe { libc::raise(signal) }),
        }
    }

    /// Installs our handler if the signal had its default action. Whether it did so.
    fn take_over(signal: c_int) -> bool {
        let Some(before) = action(signal) else { return false };
        // SAFETY: zero bytes are a valid action.
        let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        ours.sa_sigaction = handle as *const () as libc::sighandler_t;
        ours.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: `handle` makes only calls that are allowed in a handler. Both pointers are valid
        // or null.
        before.sa_sigaction == libc::SIG_DFL
            && unsafe { libc::sigaction(signal, &raw const ours, ptr::null_mut()) } == 0
    }

    /// Restores the default action, unless the program has set another since.
    fn give_back(signal: c_int) {
        if action(signal).is_some_and(|now| now.sa_sigaction == handle as *const () as libc::sighandler_t) {
            // SAFETY: sets a constant.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }

    fn action(signal: c_int) -> Option<libc::sigaction> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: writes only to `now`, which is initialised if the call succeeds.
        unsafe { (libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0).then(|| now.assume_init()) }
    }

    /// Ends the process by the signal, unless the program has installed a handler meanwhile. The
    /// signal is unblocked first, because the profiler's threads block all signals.
    fn end_by(signal: c_int) {
        if action(signal).is_none_or(|now| now.sa_sigaction != libc::SIG_DFL) {
            return;
        }
        let mut set = MaybeUninit::uninit();
        // SAFETY: the set is initialised before it is read. The raised signal ends the process,
        // which is the purpose.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), signal);
            libc::raise(signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        }
    }
}
