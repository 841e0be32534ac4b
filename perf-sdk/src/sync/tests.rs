//! The same code with std's locks and with this crate's.

use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::collect;
use crate::snapshot::LockContention;

/// Tests that must compile and pass with both.
macro_rules! drop_in {
    ($name:ident, $($sync:tt)+) => {
        mod $name {
            use std::collections::HashMap;
            use std::sync::mpsc::channel;
            use std::thread;
            use std::time::Duration;

            use $($sync)+::{Arc, Barrier, Condvar, LockResult, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
            use $($sync)+::{RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult, atomic};

            static COUNT: Mutex<u32> = Mutex::new(1);
            static NAMES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
            static WOKEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
            static MANY: [Mutex<Option<u8>>; 3] = [const { Mutex::new(None) }; 3];

            #[derive(Debug, Default)]
            struct Store {
                rows: Mutex<HashMap<u8, u8>>,
                names: RwLock<String>,
                changed: Condvar,
            }

            struct Borrowed<'a> {
                guard: MutexGuard<'a, Vec<u8>>,
            }

            fn poison<T: Send>(mutex: &Mutex<T>) {
                let caught = thread::scope(|threads| {
                    threads.spawn(|| {
                        let _guard = mutex.lock();
                        panic!("on purpose");
                    }).join()
                });
                assert!(caught.is_err());
            }

            #[test]
            fn locks_and_their_guards() {
                *COUNT.lock().unwrap() += 1;
                NAMES.write().unwrap().push("Ada");
                assert_eq!((*COUNT.lock().unwrap(), NAMES.read().unwrap().len()), (2, 1));
                *MANY[1].lock().unwrap() = Some(3);
                assert!(MANY[0].lock().unwrap().is_none());

                let mut store = Store::default();
                store.rows.get_mut().unwrap().insert(1, 2);
                assert_eq!(store.rows.lock().unwrap().get(&1), Some(&2));
                *store.names.get_mut().unwrap() = "Alan".to_owned();
                store.changed.notify_one();
                store.changed.notify_all();
                assert_eq!(
                    format!("{store:?}"),
                    "Store { rows: Mutex { data: {1: 2}, poisoned: false, .. }, names: RwLock { data: \"Alan\", poisoned: \
                     false, .. }, changed: Condvar { .. } }"
                );
                let made: Mutex<u8> = 5.into();
                let guard: MutexGuard<'_, u8> = made.lock().unwrap();
                assert_eq!((format!("{guard}"), format!("{guard:?}")), ("5".into(), "5".into()));
                assert!(format!("{made:?}").contains("<locked>"));
                assert!(matches!(made.try_lock(), Err(TryLockError::WouldBlock)));
                drop(guard);
                let tried: TryLockResult<MutexGuard<'_, u8>> = made.try_lock();
                drop(tried);
                assert_eq!(made.into_inner().unwrap(), 5);

                let lock = RwLock::from(vec![1]);
                {
                    let (one, two): (RwLockReadGuard<'_, Vec<u8>>, _) = (lock.read().unwrap(), lock.try_read().unwrap());
                    assert_eq!((one.len(), format!("{two:?}")), (1, "[1]".into()));
                    assert!(lock.try_write().is_err());
                }
                let mut write: RwLockWriteGuard<'_, Vec<u8>> = lock.write().unwrap();
                write.push(2);
                assert_eq!(format!("{write:?}"), "[1, 2]");
                assert!(lock.try_read().is_err());
                drop(write);
                assert_eq!(lock.into_inner().unwrap(), [1, 2]);
                assert_eq!(format!("{} {}", RwLock::new(7).read().unwrap(), RwLock::new(8).write().unwrap()), "7 8");

                // With an unsized value, in an `Arc`.
                let any: Arc<Mutex<dyn Fn() -> u8 + Send>> = Arc::new(Mutex::new(|| 9));
                assert_eq!((any.lock().unwrap())(), 9);
                let slice: &Mutex<[u8]> = &Mutex::new([1, 2]);
                slice.lock().unwrap()[0] = 4;
                let text: Box<RwLock<dyn ToString + Send + Sync>> = Box::new(RwLock::new(1));
                assert_eq!(text.read().unwrap().to_string(), "1");
                let owner = Mutex::new(vec![1]);
                let mut borrowed = Borrowed { guard: owner.lock().unwrap() };
                borrowed.guard.push(2);
                drop(borrowed);
                let (once, barrier) = (OnceLock::from(1), Barrier::new(1));
                assert!(barrier.wait().is_leader() && once.get() == Some(&1));
                assert_eq!(atomic::AtomicU8::new(3).into_inner(), 3);
            }

            #[test]
            fn a_panic_poisons() {
                let mutex = Mutex::new(vec![1]);
                poison(&mutex);
                assert!(mutex.is_poisoned());
                let result: LockResult<MutexGuard<'_, Vec<i32>>> = mutex.lock();
                result.unwrap_or_else(PoisonError::into_inner).push(2);
                match mutex.try_lock() {
                    Err(TryLockError::Poisoned(poisoned)) => assert_eq!(poisoned.get_ref().len(), 2),
                    other => panic!("{other:?}"),
                }
                mutex.clear_poison();
                assert_eq!(mutex.lock().unwrap().len(), 2);
                poison(&mutex);
                assert_eq!(mutex.into_inner().unwrap_err().into_inner(), [1, 2]);

                let lock = RwLock::new(1);
                let write = |fails: bool| {
                    thread::scope(|threads| {
                        threads.spawn(|| {
                            let _write = lock.write();
                            assert!(!fails, "on purpose");
                        }).join().is_err()
                    })
                };
                assert!(write(true) && lock.is_poisoned());
                assert_eq!(**lock.read().unwrap_err().get_ref(), 1);
                assert!(lock.try_write().is_err());
                lock.clear_poison();
                assert!(lock.read().is_ok());
            }

            #[test]
            fn a_condvar_wakes() {
                let (flag, condvar) = &WOKEN;
                let waker = || thread::spawn(|| {
                    thread::sleep(Duration::from_millis(20));
                    *WOKEN.0.lock().unwrap() = true;
                    WOKEN.1.notify_all();
                });
                let thread = waker();
                let mut guard = flag.lock().unwrap();
                while !*guard {
                    guard = condvar.wait(guard).unwrap();
                }
                *guard = false;
                let (guard, timeout) = condvar.wait_timeout(guard, Duration::from_millis(1)).unwrap();
                assert!(!*guard && timeout.timed_out());
                let (guard, timeout) =
                    condvar.wait_timeout_while(guard, Duration::from_millis(5), |woken| !*woken).unwrap();
                assert!(!*guard && timeout.timed_out());
                drop(guard);
                thread.join().unwrap();
                let thread = waker();
                let guard = condvar.wait_while(flag.lock().unwrap(), |woken| !*woken).unwrap();
                assert!(*guard);
                let (mut guard, timeout) =
                    condvar.wait_timeout_while(guard, Duration::from_secs(60), |woken| !*woken).unwrap();
                assert!(*guard && !timeout.timed_out());
                *guard = false;
                drop(guard);
                thread.join().unwrap();
                let thread = waker();
                let (guard, timeout) = condvar
                    .wait_timeout_while(flag.lock().unwrap(), Duration::from_secs(60), |woken| !*woken).unwrap();
                assert!(*guard && !timeout.timed_out());
                drop(guard);
                thread.join().unwrap();
            }

            #[test]
            fn readers_read_at_the_same_time() {
                let lock = RwLock::new(3);
                let (inside, go_on) = (channel(), Barrier::new(2));
                thread::scope(|threads| {
                    let reader = threads.spawn(|| {
                        let value = lock.read().unwrap();
                        inside.0.send(()).unwrap();
                        go_on.wait();
                        *value
                    });
                    inside.1.recv().unwrap();
                    assert_eq!(*lock.read().unwrap(), 3);
                    go_on.wait();
                    assert_eq!(reader.join().unwrap(), 3);
                });
            }
        }
    };
}

drop_in!(of_std, std::sync);
drop_in!(of_ours, crate::sync);

#[test]
fn locks_can_be_sent_and_caught_as_stds() {
    fn is<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    is::<super::Mutex<std::cell::Cell<u8>>>();
    is::<super::RwLock<u8>>();
    is::<super::Condvar>();
    fn is_sync<T: Sync>() {}
    is_sync::<super::MutexGuard<'_, u8>>();
    is_sync::<super::RwLockReadGuard<'_, u8>>();
    assert_eq!(size_of::<super::Mutex<u64>>(), size_of::<std::sync::Mutex<u64>>() + 16);
}

/// The sum of the entries of one scope and lock. Other tests record into the same snapshot.
fn sum(entries: &[LockContention], scope: &str, lock: &str, line: u32) -> (u64, u64) {
    let is_meant = |one: &&LockContention| {
        one.scope.last().is_some_and(|frame| frame.name == scope)
            && one.lock == lock
            && one.line == line
            && one.file.ends_with("tests.rs")
    };
    entries.iter().filter(is_meant).fold((0, 0), |sum, one| (sum.0 + one.contentions, sum.1 + one.delay_ns))
}

const HOLD: Duration = Duration::from_millis(150);

/// Whether a thread of this process is blocked. Always true except on Linux, where it can be read.
fn is_asleep(thread: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    cfg!(not(target_os = "linux")) || stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

/// Returns when the other thread, which was about to take a lock, waits for it.
fn until_asleep(thread: u32) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_asleep(thread) {
        assert!(Instant::now() < end, "it does not wait for the lock");
        thread::sleep(Duration::from_millis(1));
    }
}

/// One thread holds `lock` in the scope `locks holder` while this one takes it in `locks waiter`.
/// Returns how long that took.
fn contend<G>(lock: impl Fn() -> G + Sync) -> Duration {
    let (is_held, held) = channel();
    let (is_wanted, wanted) = channel();
    let waiter = crate::clock::thread_id();
    thread::scope(|threads| {
        threads.spawn(|| {
            // Each side is dropped only when its thread is done, so that neither channel closes
            // early.
            let (is_held, wanted) = (is_held, wanted);
            crate::measure("locks holder", || {
                let _guard = lock();
                is_held.send(()).unwrap();
                wanted.recv().unwrap();
                until_asleep(waiter);
                thread::sleep(HOLD);
            });
        });
        held.recv().unwrap();
        let start = Instant::now();
        crate::measure("locks waiter", || {
            is_wanted.send(()).unwrap();
            drop(lock());
        });
        start.elapsed()
    })
}

#[test]
fn a_wait_is_charged_to_who_waited_and_to_who_held() {
    let mutex = super::Mutex::new(0);
    let mutex_line = line!() - 1;
    let rwlock = super::RwLock::new(0);
    let rwlock_line = line!() - 1;
    let before = collect::take();
    let took = contend(|| mutex.lock().unwrap());
    let wrote = contend(|| rwlock.write().unwrap());
    // Free: no contention.
    drop((mutex.lock(), rwlock.read()));
    let window = collect::take().subtract(&before);
    for (lock, line, took) in [("Mutex", mutex_line, took), ("RwLock", rwlock_line, wrote)] {
        let waited = sum(&window.locks.waiters, "locks waiter", lock, line);
        assert_eq!(waited.0, 1, "{lock}: {:?}", window.locks);
        let delay = Duration::from_nanos(waited.1);
        // The two durations are measured by different clocks.
        assert!(delay >= HOLD - HOLD / 1_000 && delay <= took + took / 1_000, "{lock}: {delay:?} of {took:?}");
        assert_eq!(sum(&window.locks.holders, "locks holder", lock, line), waited);
        assert_eq!(sum(&window.locks.waiters, "locks holder", lock, line).0, 0);
        assert_eq!(sum(&window.locks.holders, "locks waiter", lock, line).0, 0);
    }
    // One wait for each kind of guard.
    let waiters = window.functions.iter().filter(|function| function.name == "locks waiter");
    let sums = waiters.fold((0, 0), |sum, f| (sum.0 + f.lock_contentions, sum.1 + f.lock_wait_ns));
    let waits = window.locks.waiters.iter().filter(|one| one.scope.last().is_some_and(|f| f.name == "locks waiter"));
    assert_eq!(sums, waits.fold((0, 0), |sum, one| (sum.0 + one.contentions, sum.1 + one.delay_ns)));
    assert_eq!(sums.0, 2);
}

#[test]
fn waits_at_a_condvar_are_charged_to_who_waits_only() {
    let (mutex, condvar) = (super::Mutex::new(()), super::Condvar::new());
    let line = line!() - 1;
    let before = collect::take();
    crate::measure("locks sleeper", || {
        let guard = mutex.lock().unwrap();
        let (guard, timeout) = condvar.wait_timeout_while(guard, HOLD, |()| true).unwrap();
        assert!(timeout.timed_out());
        // Without a wait, because the condition is already false.
        drop(condvar.wait_while(guard, |()| false).unwrap());
    });
    let window = collect::take().subtract(&before);
    let (waits, delay_ns) = sum(&window.locks.waiters, "locks sleeper", "Condvar", line);
    assert_eq!(waits, 1, "{:?}", window.locks);
    assert!(Duration::from_nanos(delay_ns) >= HOLD - Duration::from_millis(1), "{delay_ns}");
    assert_eq!(sum(&window.locks.holders, "locks sleeper", "Condvar", line).0, 0);
    let sleeper = window.functions.iter().find(|function| function.name == "locks sleeper").unwrap();
    assert_eq!((sleeper.lock_contentions, sleeper.lock_wait_ns), (0, 0));
}

#[test]
fn waits_outside_of_all_scopes_are_recorded_without_a_scope() {
    let mutex = super::Mutex::new(());
    let line = line!() - 1;
    let (is_held, held) = channel();
    let waiter = crate::clock::thread_id();
    thread::scope(|threads| {
        threads.spawn(|| {
            let _guard = mutex.lock();
            is_held.send(()).unwrap();
            until_asleep(waiter);
        });
        held.recv().unwrap();
        drop(mutex.lock());
    });
    let now = collect::take();
    for entries in [&now.locks.waiters, &now.locks.holders] {
        let one = entries.iter().find(|one| one.line == line && one.file.ends_with("sync/tests.rs")).unwrap();
        assert_eq!((one.scope.len(), one.contentions, one.lock.as_str()), (0, 1, "Mutex"));
        assert!(one.delay_ns > 0);
    }
}

#[test]
fn a_panic_in_a_wait_releases_the_lock() {
    let mutex = super::Mutex::new(());
    let condvar = super::Condvar::new();
    let failed =
        catch_unwind(AssertUnwindSafe(|| condvar.wait_while(mutex.lock().unwrap(), |()| panic!("on purpose"))));
    assert!(failed.is_err() && mutex.is_poisoned());
    assert!(mutex.try_lock().is_err_and(|error| matches!(error, super::TryLockError::Poisoned(_))));
}
