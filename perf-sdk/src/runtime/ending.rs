//! Ends of a process other than the return of `main`: an exit, and signals that ask for one.
#![cfg_attr(not(unix), allow(dead_code))]
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub(crate) use linux::Asked;
#[cfg(unix)]
pub(crate) use unix::at_exit;

#[cfg(unix)]
mod unix {
    use std::panic::catch_unwind;
    use std::sync::OnceLock;

    static AT_EXIT: OnceLock<fn()> = OnceLock::new();

    /// Has `end` run whenever this process or a forked child of it exits: at `exit`, and at the
    /// return of `main`, after it. Once is enough; not at `_exit` and `abort`.
    pub(crate) fn at_exit(end: fn()) {
        extern "C" fn run() {
            if let Some(end) = AT_EXIT.get() {
                let _ = catch_unwind(end);
            }
        }
        if AT_EXIT.set(end).is_ok() {
            // SAFETY: `run` takes nothing and does not unwind. Where there is no memory for one
            // more, nothing happens at the exit.
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

    /// By which a user, or what supervises the process, asks it to end.
    const SIGNALS: [c_int; 2] = [libc::SIGINT, libc::SIGTERM];

    /// Whom a handler wakes; null: nobody.
    static WAKES: AtomicPtr<Bell> = AtomicPtr::new(ptr::null_mut());
    /// In which process that one waits.
    static PROCESS: AtomicProcess = AtomicProcess::none();

    /// What a thread waits by. Never freed: a handler may be about to ring.
    struct Bell {
        semaphore: UnsafeCell<libc::sem_t>,
        /// Why it rang; 0: nobody is waited for any more.
        signal: AtomicI32,
    }

    // SAFETY: a semaphore is made to be used by several threads, and the other part is an atomic.
    unsafe impl Sync for Bell {}

    impl Bell {
        fn new() -> &'static Self {
            // SAFETY: a semaphore of the C library's is numbers, and nobody uses it before it is
            // initialised.
            let semaphore = UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() });
            let bell: &'static Self = Box::leak(Box::new(Self { semaphore, signal: AtomicI32::new(0) }));
            // SAFETY: in the place where it stays, for the threads of this process; with a value of
            // 0 this cannot fail.
            unsafe { libc::sem_init(bell.semaphore.get(), 0, 0) };
            bell
        }

        /// May be called in a handler.
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

    /// What waits for the signals that ask for the end. They do nothing more when this drops.
    #[derive(Debug)]
    pub(crate) struct Asked {
        /// Taken over from the system, which would have ended the process.
        signals: Vec<c_int>,
        _thread: OsThread,
    }

    impl Asked {
        /// From now on `end` runs when SIGINT or SIGTERM arrives, on a thread of ours; afterwards
        /// the process ends by that signal, as it would have. A second one ends it at once.
        ///
        /// A signal for which the program has a handler, or which it ignores, stays as it is. So
        /// does each in the first process of a container, which the system would not end by it. A
        /// handler that comes later and calls this one in turn is the program's as well.
        ///
        /// # Errors
        /// There is no thread left.
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
            // SAFETY: null, or a bell, which lives for ever.
            if let Some(bell) = unsafe { bell.as_ref() } {
                // The thread ends, if no signal came before; nobody waits for it.
                let _ = bell.signal.compare_exchange(0, 0, Release, Acquire).map(|_| bell.ring(0));
            }
        }
    }

    /// Once: the system's own way is there again when this runs, unless another handler was
    /// installed and calls this one, for which nothing is done.
    extern "C" fn handle(signal: c_int) {
        if action(signal).is_none_or(|now| now.sa_sigaction != libc::SIG_DFL) {
            return;
        }
        let is_ours = PROCESS.load(Acquire).is_some_and(Process::is_current);
        // SAFETY: null, or a bell, which lives for ever.
        match unsafe { WAKES.load(Acquire).as_ref() } {
            Some(bell) if is_ours => bell.ring(signal),
            // A forked child, or nobody waits: the process ends once the handler has returned.
            // SAFETY: may be called in a handler.
            _ => drop(unsafe { libc::raise(signal) }),
        }
    }

    /// Whether the signal would have ended the process, and is ours now.
    fn take_over(signal: c_int) -> bool {
        let Some(before) = action(signal) else { return false };
        // SAFETY: zero bytes are a valid action, in which only the fields that matter are filled
        // in.
        let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        ours.sa_sigaction = handle as *const () as libc::sighandler_t;
        ours.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: `handle` makes only calls that a handler may make; both pointers are valid or
        // null.
        before.sa_sigaction == libc::SIG_DFL
            && unsafe { libc::sigaction(signal, &raw const ours, ptr::null_mut()) } == 0
    }

    /// The system's own way again, if nobody has set another since.
    fn give_back(signal: c_int) {
        if action(signal).is_some_and(|now| now.sa_sigaction == handle as *const () as libc::sighandler_t) {
            // SAFETY: sets a constant.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }

    fn action(signal: c_int) -> Option<libc::sigaction> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: only writes to `now`, which is initialised where the call succeeds.
        unsafe { (libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0).then(|| now.assume_init()) }
    }

    /// Ends the process as the signal does that was waited for, unless the program has a handler by
    /// now. Our threads block all signals.
    fn end_by(signal: c_int) {
        if action(signal).is_none_or(|now| now.sa_sigaction != libc::SIG_DFL) {
            return;
        }
        let mut set = MaybeUninit::uninit();
        // SAFETY: the set is initialised before it is read; raising a signal that ends the process
        // is what is wanted.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), signal);
            libc::raise(signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        }
    }
}
