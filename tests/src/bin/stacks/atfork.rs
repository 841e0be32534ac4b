//! A program with its own fork handlers, registered before the profiler's. In the parent they run
//! after the profiler's, in the child before them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use perf_sdk::Handle;
use perf_sdk_tests::http::get;
use perf_sdk_tests::{exit_now, fork, until, wait_for};

use super::forks::{everything, start};
use super::{Stops, in_child};

/// Ends the process if it hangs.
fn end_if_it_hangs() {
    // SAFETY: it only requests a signal.
    unsafe { libc::alarm(150) };
}

fn register(
    before: Option<unsafe extern "C" fn()>,
    parent: Option<unsafe extern "C" fn()>,
    child: Option<unsafe extern "C" fn()>,
) {
    // SAFETY: the handlers live as long as the process.
    assert_eq!(unsafe { libc::pthread_atfork(before, parent, child) }, 0);
}

/// All three handlers use the profiler. The handler in the child starts it anew.
pub(super) fn fork_handlers() {
    static OF_CHILD: Mutex<Option<Handle>> = Mutex::new(None);
    static CALLED: AtomicU32 = AtomicU32::new(0);
    extern "C" fn use_it() {
        let handle = start();
        super::busy(Duration::from_millis(1));
        handle.set_sampling("*", None);
        assert!(handle.address().is_some() && !handle.snapshot().functions.is_empty());
        CALLED.fetch_add(1, Relaxed);
    }
    extern "C" fn child() {
        end_if_it_hangs();
        use_it();
        *OF_CHILD.lock().unwrap() = Some(start());
    }
    end_if_it_hangs();
    register(Some(use_it), Some(use_it), Some(child));
    let handle = start();
    let child = fork();
    if child == 0 {
        // The profiler's own handler in the child must not undo what this handler started.
        let own = OF_CHILD.lock().unwrap().take().unwrap();
        let is_there = get(own.address().unwrap(), "/metrics").status == 200;
        drop(own);
        exit_now(if is_there && everything() { 0 } else { 1 });
    }
    assert_eq!(CALLED.load(Relaxed), 2);
    assert_eq!(wait_for(child), 0);
    assert_eq!(get(handle.address().unwrap(), "/metrics").status, 200);
}

/// A child must work that was forked while the fork of another thread waited in a handler of the
/// program.
pub(super) fn two_forks() {
    static SLOW: AtomicI32 = AtomicI32::new(0);
    static WAITS: AtomicBool = AtomicBool::new(false);
    static GOES_ON: AtomicBool = AtomicBool::new(false);
    extern "C" fn before() {
        if perf_sdk_tests::thread_id() == SLOW.load(Relaxed) {
            WAITS.store(true, Relaxed);
            while !GOES_ON.load(Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    end_if_it_hangs();
    register(Some(before), None, None);
    let handle = start();
    super::busy(Duration::from_millis(1));
    thread::scope(|scope| {
        let slow = scope.spawn(|| {
            SLOW.store(perf_sdk_tests::thread_id(), Relaxed);
            in_child(|| {
                end_if_it_hangs();
                everything()
            });
        });
        let _stops = Stops(&GOES_ON, true);
        until("the slow fork", || WAITS.load(Relaxed));
        scope.spawn(|| {
            while !GOES_ON.load(Relaxed) {
                handle.set_sampling("*", None);
            }
        });
        for _ in 0..3 {
            in_child(|| {
                end_if_it_hangs();
                everything()
            });
        }
        GOES_ON.store(true, Relaxed);
        slow.join().unwrap();
    });
}

/// The handler closes all inherited descriptors and opens its own: these must stay open.
pub(super) fn child_s_own_descriptors() {
    const MOST: usize = 200;
    static OWN: [AtomicI32; MOST] = [const { AtomicI32::new(-1) }; MOST];
    extern "C" fn child() {
        // SAFETY: the owners of these descriptors do not exist in this process.
        (3..1_024).for_each(|descriptor| _ = unsafe { libc::close(descriptor) });
        for own in &OWN {
            // SAFETY: the C string is static.
            own.store(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) }, Relaxed);
        }
    }
    register(None, None, Some(child));
    let handle = start();
    let address = handle.address().unwrap();
    let clients: Vec<_> = (0..8).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    assert_eq!(get(address, "/metrics").status, 200);
    let child = fork();
    if child == 0 {
        // SAFETY: it only reads flags.
        let is_open = |own: &AtomicI32| unsafe { libc::fcntl(own.load(Relaxed), libc::F_GETFD) } >= 0;
        exit_now(OWN.iter().filter(|own| !is_open(own)).count() as i32);
    }
    assert_eq!(wait_for(child), 0, "number of closed descriptors");
    assert_eq!(get(address, "/metrics").status, 200);
    drop(clients);
}
