use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use super::*;

/// Objects that count how many of them exist.
#[derive(Debug)]
struct Object {
    living: Arc<AtomicUsize>,
    uses: usize,
}

impl Object {
    fn new(living: &Arc<AtomicUsize>) -> Self {
        living.fetch_add(1, Relaxed);
        Self { living: living.clone(), uses: 0 }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.living.fetch_sub(1, Relaxed);
    }
}

fn builder(name: &'static str) -> (PoolBuilder<Object>, Arc<AtomicUsize>) {
    let living: Arc<AtomicUsize> = Arc::default();
    let made = living.clone();
    (Pool::builder(name, move || Object::new(&made)), living)
}

#[test]
fn objects_are_used_again_and_counted() {
    let (builder, living) = builder("used again");
    let pool = builder.reset(|object| object.uses += 1).build().unwrap();
    for round in 0..100 {
        assert_eq!(pool.get().uses, round);
    }
    let account = pool.account();
    assert_eq!((account.taken, account.made, account.outstanding, account.idle), (100, 1, 0, 1));
    assert_eq!(account.hit_ratio(), Some(0.99));
    let held: Vec<_> = (0..50).map(|_| pool.get()).collect();
    assert_eq!((pool.account().outstanding, living.load(Relaxed)), (50, 50));
    drop(held);
    assert_eq!((pool.account().outstanding, pool.account().idle), (0, 50));
    drop(pool);
    assert_eq!(living.load(Relaxed), 0);
}

#[test]
fn threads_hand_objects_to_each_other() {
    const THREADS: usize = 4;
    const ROUNDS: usize = if cfg!(miri) { 30 } else { 5_000 };
    let (builder, living) = builder("threads");
    let pool = builder.max_idle(20).build().unwrap();
    let (sender, receiver) = mpsc::channel();
    let working = (0..THREADS).map(|_| {
        let (pool, sender) = (pool.clone(), sender.clone());
        thread::spawn(move || {
            for round in 0..ROUNDS {
                let mut object = pool.get_owned();
                object.uses += 1;
                if round % 3 == 0 {
                    sender.send(object).unwrap();
                }
            }
        })
    });
    let mut threads: Vec<_> = working.collect();
    drop(sender);
    threads.push(thread::spawn(move || receiver.into_iter().for_each(|object| assert!(object.uses > 0))));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let account = pool.account();
    assert_eq!((account.taken, account.outstanding), ((THREADS * ROUNDS) as u64, 0));
    assert_eq!(account.idle, living.load(Relaxed) as u64);
    assert_eq!(account.made - account.surplus, account.idle);
    drop(pool);
    assert_eq!(living.load(Relaxed), 0);
}

#[test]
fn an_object_held_during_a_panic_is_not_reused() {
    let (builder, living) = builder("poisoned");
    let pool = builder.reset(|object| assert!(object.uses < 5, "on purpose")).build().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _object = pool.get();
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    assert_eq!((pool.account().poisoned, living.load(Relaxed)), (1, 0));
    let panicked = catch_unwind(AssertUnwindSafe(|| pool.get().uses = 9));
    assert!(panicked.is_err(), "the panic of the reset propagates");
    assert_eq!((pool.account().poisoned, pool.account().outstanding, living.load(Relaxed)), (2, 0, 0));
}

#[test]
fn an_object_whose_making_panics_does_not_count_as_taken() {
    let fails = Arc::new(AtomicUsize::new(0));
    let asked = fails.clone();
    let make = move || {
        if asked.fetch_add(1, Relaxed).is_multiple_of(2) {
            std::panic::resume_unwind(Box::new("on purpose"))
        } else {
            1
        }
    };
    let pool = Pool::builder("unmade", make).max(1).build().unwrap();
    for _ in 0..3 {
        assert!(catch_unwind(AssertUnwindSafe(|| pool.get().into_inner())).is_err());
        assert_eq!((pool.account().outstanding, pool.account().beyond), (0, 0));
        assert_eq!(pool.try_get().unwrap().into_inner(), 1, "its permit was released");
    }
}

#[test]
fn objects_leave_the_pool_if_unfit_or_kept_by_the_borrower() {
    let (builder, living) = builder("leaving");
    let pool = builder.reset_if(|object| object.uses == 0).build().unwrap();
    pool.get().uses = 1;
    assert_eq!((pool.account().unfit, living.load(Relaxed)), (1, 0));
    let kept = pool.get().into_inner();
    assert_eq!((pool.account().outstanding, pool.account().idle, living.load(Relaxed)), (0, 0, 1));
    let owned = pool.get_owned().into_inner();
    drop(pool);
    assert_eq!(living.load(Relaxed), 2);
    drop((kept, owned));
    assert_eq!(living.load(Relaxed), 0);
}

#[test]
fn trimming_leaves_the_least_number() {
    let (builder, living) = builder("trimmed");
    let pool = builder.min(3).build().unwrap();
    assert_eq!(living.load(Relaxed), 3);
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(living.load(Relaxed), 100);
    pool.trim();
    // The objects that this thread keeps are returned with the next object.
    drop(pool.get());
    pool.trim();
    drop(pool.get());
    assert!((3..=4).contains(&living.load(Relaxed)), "{:?}", pool.account());
    assert_eq!(pool.account().trimmed, 100 - living.load(Relaxed) as u64);
}

#[test]
fn no_more_are_out_than_may_be() {
    let (builder, living) = builder("bounded");
    let pool = builder.max(2).build().unwrap();
    let (first, second) = (pool.try_get().unwrap(), pool.get());
    assert!(pool.try_get().is_none());
    drop(pool.get());
    assert_eq!((pool.account().beyond, living.load(Relaxed)), (1, 2), "it was made, and dropped when it returned");
    drop(first);
    assert!(pool.try_get().is_some());
    drop(second.into_inner());
    assert_eq!((0..5).map_while(|_| pool.try_get()).map(std::mem::forget).count(), 2);
}

#[test]
fn there_are_no_more_objects_than_may_be_out() {
    let (builder, living) = builder("no more");
    let pool = builder.max(3).build().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (pool, living) = (pool.clone(), living.clone());
            thread::spawn(move || {
                for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
                    if let Some(mut object) = pool.try_get() {
                        object.uses += 1;
                        assert!(living.load(Relaxed) <= 3);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let account = pool.account();
    assert!((1..=3).contains(&account.made) && account.outstanding == 0, "{account:?}");
}

#[test]
#[cfg_attr(miri, ignore = "it waits by the system's clock")]
fn waiting_ends_with_an_object_or_in_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (builder, _) = builder("waiting");
    let pool = builder.max(1).build().unwrap();
    runtime.block_on(async {
        let first = pool.get_owned();
        let late = pool.get_timeout(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!((&*late.pool, late.waited), ("waiting", Duration::from_millis(20)));
        assert_eq!(pool.account().timeouts, 1);
        let giving = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            drop(first);
        });
        assert!(pool.get_timeout(Duration::from_secs(60)).await.is_ok());
        giving.join().unwrap();
    });
}

#[test]
fn objects_that_a_thread_keeps_return_when_it_ends() {
    let (builder, _) = builder("ending thread");
    let pool = builder.build().unwrap();
    thread::scope(|threads| {
        // The end of a scope does not wait for the thread's destructors; a join does.
        let thread = threads.spawn(|| drop((0..10).map(|_| pool.get()).collect::<Vec<_>>()));
        thread.join().unwrap();
    });
    drop((0..10).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(pool.account().made, 10);
}

#[test]
fn a_thread_outlives_pools() {
    for round in 0..3 {
        let (builder, living) = builder("outlived");
        let pool = builder.build().unwrap_or_else(|error| panic!("round {round}: {error}"));
        drop((0..5).map(|_| pool.get()).collect::<Vec<_>>());
        drop(pool);
        assert_eq!(living.load(Relaxed), 0);
    }
}

#[test]
fn wrong_names_and_bounds_are_refused() {
    let pool = Pool::new("taken name", || 1).unwrap();
    let said = |error: PoolError| error.to_string();
    assert!(said(Pool::new("taken name", || 2).unwrap_err()).contains("\"taken name\""));
    assert!(said(Pool::new("", || 2).unwrap_err()).contains("empty"));
    drop(pool);
    assert!(Pool::new("taken name", || 2).is_ok(), "the name is free again");
    for builder in [
        Pool::builder("b", || 1).min(5).max(4),
        Pool::builder("b", || 1).max(0),
        Pool::builder("b", || 1).min(2).max_idle(1),
    ] {
        assert!(said(builder.build().unwrap_err()).contains("allowed: a max of at least 1"));
    }
}
