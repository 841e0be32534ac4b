use super::*;

/// Runs `what` in a forked child, and expects it to be true there. A child that hangs is ended.
pub(crate) fn in_child(what: impl FnOnce() -> bool) -> bool {
    super::watch();
    // SAFETY: the child calls what it is given, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: only asks for a signal.
        unsafe { libc::alarm(150) };
        let code = i32::from(!what());
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Acquire) {
        std::thread::yield_now();
    }
}

#[test]
fn a_child_finds_a_lock_free_that_others_hold_all_the_time() {
    static LOCK: Lock<[u64; 2]> = Lock::new([0; 2]);
    static OVER: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !OVER.load(Relaxed) {
                let mut both = LOCK.lock();
                both[0] += 1;
                std::thread::sleep(Duration::from_micros(200));
                both[1] += 1;
            }
        });
        while LOCK.lock()[0] == 0 {
            std::thread::yield_now();
        }
        let before = generation();
        let all = (0..20).all(|_| {
            in_child(|| {
                let both = LOCK.lock();
                both[0] == both[1] && generation() == before + 1
            })
        });
        OVER.store(true, Relaxed);
        assert!(all && generation() == before);
    });
    LOCK.lock()[0] = 7;
    assert_eq!(LOCK.lock()[0], 7);
}

#[test]
fn a_fork_waits_for_a_lock_that_is_taken_while_another_is_held() {
    static LOCKS: [Lock<u64>; 2] = [const { Lock::new(0) }; 2];
    let is_whole = || {
        let is_held = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut outer = LOCKS[0].lock();
                *outer = 1;
                is_held.store(true, Release);
                while FORKS.load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                *LOCKS[1].lock() = 2;
                *outer = 2;
            });
            wait_for(&is_held);
            in_child(|| LOCKS.iter().all(|lock| *lock.lock() == 2))
        })
    };
    // On a machine that is busy a fork may lose its patience.
    assert!((0..50).any(|_| is_whole()));
}

#[test]
fn what_may_be_half_written_is_lost_in_a_child() {
    static LOCK: Lock<[u64; 2]> = Lock::new([1; 2]);
    let [is_held, is_over] = [const { AtomicBool::new(false) }; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut both = LOCK.lock();
            both[0] = 2;
            is_held.store(true, Release);
            wait_for(&is_over);
            both[1] = 2;
        });
        wait_for(&is_held);
        let is_default = in_child(|| *LOCK.lock() == [0; 2]);
        is_over.store(true, Release);
        assert!(is_default);
    });
    assert_eq!(*LOCK.lock(), [2; 2]);
}

#[test]
fn nobody_waits_for_ever_while_a_fork_takes_long() {
    static LOCK: Lock<u64> = Lock::new(1);
    let [has_begun, is_over] = [const { AtomicBool::new(false) }; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            OWN.with(begin_fork);
            // In a handler of the program's.
            drop(LOCK.lock());
            has_begun.store(true, Release);
            wait_for(&is_over);
            OWN.with(end_fork);
        });
        wait_for(&has_begun);
        let is_shut = LOCK.try_lock().is_none();
        let of_another = in_child(|| LOCK.try_lock().is_some() && FORKS.load(SeqCst) == 0);
        *LOCK.lock() = 2;
        is_over.store(true, Release);
        assert!(is_shut && of_another);
    });
    assert_eq!(*LOCK.lock(), 2);
}

#[test]
fn a_child_that_is_used_early_is_made_once() {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    static HOOK: Hook =
        Hook { before: Some(|| _ = SEEN.fetch_add(1, Relaxed)), child: || _ = SEEN.fetch_add(100, Relaxed) };
    register(&HOOK);
    register(&HOOK);
    let is_once = in_child(|| {
        // As it was before, in a handler of the program's.
        OWN.with(|own| {
            own.forks.set(1);
            own.process.set(0);
        });
        SEEN.store(0, Relaxed);
        let is_not_yet = Moment::try_begin().is_none() && SEEN.load(Relaxed) == 0;
        drop(Moment::begin());
        // Our own handler.
        OWN.with(begin_child);
        is_not_yet && SEEN.load(Relaxed) == 100 && Moment::try_begin().is_some()
    });
    // Other tests fork too.
    let seen = SEEN.load(Relaxed);
    assert!(is_once && (1..100).contains(&seen), "{seen}");
}
