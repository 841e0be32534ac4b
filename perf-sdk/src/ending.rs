//! Ends of a process other than the return of `main`: an exit, and signals that ask for one.
#![cfg_attr(not(unix), allow(dead_code))]
#![allow(unsafe_code)]

#[cfg(unix)]
pub(crate) use unix::{Asked, at_exit};

#[cfg(unix)]
mod unix {
    use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd as _;
    use std::panic::catch_unwind;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Acquire, Ordering::Release};
    use std::{process, ptr};

    use libc::c_int;

    use crate::descriptors::Kept;
    use crate::os_thread::OsThread;

    static AT_EXIT: OnceLock<fn()> = OnceLock::new();

    /// Has `end` run whenever this process or a forked child of it exits: at `exit`, and at the return
    /// of `main`, after it. Once is enough; not at `_exit` and `abort`.
    pub(crate) fn at_exit(end: fn()) {
        extern "C" fn run() {
            if let Some(end) = AT_EXIT.get() {
                let _ = catch_unwind(end);
            }
        }
        if AT_EXIT.set(end).is_ok() {
            // SAFETY: `run` takes nothing and does not unwind. Where there is no memory for one more, nothing
            // happens at the exit.
            unsafe { libc::atexit(run) };
        }
    }

    /// By which a user, or what supervises the process, asks it to end.
    const SIGNALS: [c_int; 2] = [libc::SIGINT, libc::SIGTERM];

    /// Where a handler writes which signal it was; -1: nowhere.
    static WAKES: AtomicI32 = AtomicI32::new(-1);
    /// Whose thread reads that.
    static PROCESS: AtomicU32 = AtomicU32::new(0);

    /// What waits for the signals that ask for the end. They do nothing more when this drops.
    #[derive(Debug)]
    pub(crate) struct Asked {
        writer: Kept<PipeWriter>,
        /// Taken over from the system, which would have ended the process.
        signals: Vec<c_int>,
        _thread: OsThread,
    }

    impl Asked {
        /// From now on `end` runs when SIGINT or SIGTERM arrives, on a thread of ours; afterwards the
        /// process ends by that signal, as it would have. A second one ends it at once.
        ///
        /// A signal for which the program has a handler, or which it ignores, stays as it is.
        ///
        /// # Errors
        /// There is no descriptor or no thread left.
        pub(crate) fn listen(end: fn()) -> io::Result<Self> {
            let (mut reader, writer) = {
                let mut other = None;
                let reader = Kept::open(|| {
                    let (reader, writer) = io::pipe()?;
                    other = Some(Kept::new(writer));
                    Ok::<_, io::Error>(reader)
                })?;
                (reader, other.ok_or(io::ErrorKind::Other)?)
            };
            let thread = OsThread::spawn("perf-sdk-ends", move || {
                if let Some(signal) = read(&mut reader) {
                    let _ = catch_unwind(end);
                    end_by(signal);
                }
            })?;
            PROCESS.store(process::id(), Release);
            WAKES.store(writer.as_raw_fd(), Release);
            let signals = SIGNALS.into_iter().filter(|&signal| take_over(signal)).collect();
            Ok(Self { writer, signals, _thread: thread })
        }
    }

    impl Drop for Asked {
        fn drop(&mut self) {
            for &signal in &self.signals {
                give_back(signal);
            }
            WAKES.store(-1, Release);
            // The thread ends; nobody waits for it.
            let _ = self.writer.write(&[0]);
        }
    }

    /// The signal that arrived; `None`: none is waited for any more.
    fn read(reader: &mut Kept<PipeReader>) -> Option<c_int> {
        let mut signal = [0];
        loop {
            match reader.read(&mut signal) {
                Ok(1..) => return Some(c_int::from(signal[0])).filter(|&signal| signal != 0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// Once: the system's own way is there again when this runs.
    extern "C" fn handle(signal: c_int) {
        let byte = signal as u8;
        let wakes = WAKES.load(Acquire);
        // SAFETY: asks for a number; may be called in a handler.
        let is_ours = unsafe { libc::getpid() } as u32 == PROCESS.load(Acquire);
        // SAFETY: one byte that lives for the call, which may be made in a handler and leaves the error
        // number as it was where it succeeds.
        let is_heard = is_ours && wakes >= 0 && unsafe { libc::write(wakes, (&raw const byte).cast(), 1) } == 1;
        if !is_heard {
            // A forked child, or nobody reads: the process ends once the handler has returned.
            // SAFETY: may be called in a handler.
            unsafe { libc::raise(signal) };
        }
    }

    /// Whether the signal would have ended the process, and is ours now.
    fn take_over(signal: c_int) -> bool {
        let Some(before) = action(signal) else { return false };
        // SAFETY: zero bytes are a valid action, in which only the fields that matter are filled in.
        let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        ours.sa_sigaction = handle as *const () as libc::sighandler_t;
        ours.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: `handle` makes only calls that a handler may make; both pointers are valid or null.
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

    /// Ends the process as the signal does that was waited for. Our threads block all signals.
    fn end_by(signal: c_int) {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the set is initialised before it is read; raising a signal that ends the process is what
        // is wanted.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), signal);
            libc::raise(signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        }
    }
}
