//! Where stacks begin under musl, whose functions no table describes.
//!
//! A walk knows by the tables that it has reached the outermost frame. Under musl it does not: what
//! calls the program's `main`, and what calls a thread's function, are functions of the C library.
#![allow(unsafe_code)]

/// The program's `main`, whose caller is the outermost frame of the first thread's stack. `None`:
/// the tables say where that is; or this is part of a library, or of a program that loads musl,
/// where nobody says where it is.
#[inline(never)]
pub(in super::super) fn main_function() -> Option<u64> {
    #[cfg(all(target_env = "musl", target_feature = "crt-static", not(test)))]
    {
        // NOTE: a program that the C library starts has one. Its form does not matter: it is never
        // called.
        unsafe extern "C" {
            fn main();
        }
        Some((main as unsafe extern "C" fn() as *const ()).addr() as u64)
    }
    #[cfg(not(all(target_env = "musl", target_feature = "crt-static", not(test))))]
    None
}

#[cfg(not(target_env = "musl"))]
pub(in super::super) fn learn_thread_start() {}

/// 0: no frame's.
#[cfg(not(target_env = "musl"))]
pub(in super::super) fn thread_start() -> u64 {
    0
}

#[cfg(target_env = "musl")]
pub(in super::super) use musl::{learn_thread_start, thread_start};

#[cfg(target_env = "musl")]
mod musl {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::sync::mpsc;

    use super::super::super::walkers::with_unwinder;
    use super::super::handler::here;
    use super::super::handler_stacks::WALK_BYTES;
    use super::super::own_stack::own_stack;
    use crate::os_thread::{self, OsThread};

    static THREAD_START: AtomicU64 = AtomicU64::new(0);

    /// Where the C library calls the function of a thread that was made by `pthread_create`: the
    /// outermost frame of each such thread. 0: not known.
    pub(in super::super::super) fn thread_start() -> u64 {
        THREAD_START.load(Relaxed)
    }

    /// Finds that out, once an unwinder is in force.
    ///
    /// **Cost.** A thread that ends at once, some 50 µs, the first time.
    pub(in super::super::super) fn learn_thread_start() {
        if thread_start() != 0 {
            return;
        }
        let (say, hear) = mpsc::sync_channel(1);
        let thread = OsThread::with_stack("perf-sdk-probe", 2 * WALK_BYTES, move || {
            let _ = say.send(start_of_this());
        });
        if let Ok(Some(start)) = hear.recv() {
            THREAD_START.store(start, Relaxed);
        }
        thread.into_iter().for_each(OsThread::join);
    }

    /// On a thread of ours: the frame that called its function.
    #[inline(never)]
    fn start_of_this() -> Option<u64> {
        let (stack, (registers, _)) = (own_stack()?, here());
        let stack = stack.contains(&registers.sp).then_some(registers.sp..stack.end)?;
        let read = |address: u64| {
            let is_stack = address >= stack.start && address < stack.end - 7 && address.is_multiple_of(8);
            // SAFETY: an aligned word within this thread's own stack, above where it stands.
            is_stack.then(|| unsafe { (address as *const u64).read_volatile() })
        };
        let mut start = None;
        with_unwinder(0, |unwinder, memory| {
            let Some(first) = unwinder.function_at(os_thread::first_function()) else { return };
            let mut was_first = false;
            unwinder.walk(&registers, &stack, memory, read, |address| {
                start = was_first.then_some(address);
                was_first = first.contains(&address);
                start.is_none()
            });
        });
        start
    }
}
