use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::slow_calls;
use crate::outcome::Outcome;
use crate::record::{self, FutureExt as _, Profiled, Returned, with_labels};
use crate::scope::{Options, Sample, Site, Source};
use crate::snapshot::{SlowCall, SlowFunction, SlowStepKind};

const fn root(name: &'static str) -> Site {
    site(name, Options { root: true, ..Options::DEFAULT })
}

const fn site(name: &'static str, options: Options) -> Site {
    let source = Source { name: Some(name), path: || "", ident: name, module: "slow", file: file!(), line: 0 };
    Site::new(source, options)
}

fn function(name: &str) -> SlowFunction {
    slow_calls().functions.into_iter().find(|function| function.name == name).unwrap_or_default()
}

/// The tree: names of callers and callees, in the order in which they began.
fn tree(call: &SlowCall) -> Vec<(Option<&str>, &str)> {
    let short = |step: u32| call.steps[step as usize].name.rsplit("::").next().unwrap_or_default();
    (0..call.steps.len() as u32).map(|at| (call.steps[at as usize].parent.map(short), short(at))).collect()
}

/// Makes a future pending once.
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_call_is_kept_with_the_tree_of_its_calls() {
    static ROOT: Site = root("tree");
    static OUTER: Site = site("outer", Options { sample: Sample::Always, ..Options::DEFAULT });
    static INNER: Site = site("inner", Options { sample: Sample::Always, ..Options::DEFAULT });
    static PASSED: Site = site("passed", Options { sample: Sample::Never, ..Options::DEFAULT });
    with_labels([("slow_tenant", "acme")], || {
        let root = record::enter(&ROOT);
        for _ in 0..2 {
            let _outer = record::enter(&OUTER);
            record::enter(&INNER).finish(Outcome::Error);
            let _passed = record::enter(&PASSED);
            record::enter(&INNER).finish(Outcome::Ok);
            // Direct recursion.
            let _again = record::enter(&INNER);
            drop(record::enter(&INNER));
        }
        root.finish(Outcome::Ok);
    });
    // It ended before, so it is not of that call.
    drop(record::enter(&OUTER));
    let SlowFunction { slowest, failed, .. } = function("tree");
    assert_eq!((slowest.len(), failed.len()), (1, 0));
    let call = &slowest[0];
    let once = [
        (None, "outer"),
        (Some("outer"), "inner"),
        (Some("outer"), "inner"),
        (Some("outer"), "inner"),
        (Some("inner"), "inner"),
    ];
    assert_eq!(tree(call), [once, once].concat());
    assert_eq!(call.steps.iter().filter(|step| step.outcome == Outcome::Error).count(), 2);
    let through: Vec<_> = call.steps.iter().map(|step| step.through.join(" ")).collect();
    assert_eq!(through[..5], ["", "", "slow::passed", "slow::passed", ""]);
    assert_eq!(call.labels, [("slow_tenant".to_owned(), "acme".to_owned())]);
    assert_eq!((call.outcome, call.stands_for, call.dropped), (Outcome::Ok, 1, 0));
    assert!(call.steps.iter().all(|step| step.after_ns + step.duration_ns <= call.duration_ns));
}

#[test]
fn a_future_is_followed_from_thread_to_thread() {
    static STEP: Site = site("step", Options { sample: Sample::Always, ..Options::DEFAULT });
    static ROOT: Site = root("moves");
    let body = async {
        drop(record::enter(&STEP));
        async {
            Once(false).await;
            drop(record::enter(&STEP));
            Once(false).await;
        }
        .profiled("nested")
        .await;
        drop(record::enter(&STEP));
    };
    let mut future = Box::pin(Profiled::new(Some(&ROOT), body, Returned));
    assert!(poll(future.as_mut()).is_pending());
    for is_last in [false, true] {
        // What others do on these threads is none of its calls.
        drop(record::enter(&STEP));
        future = thread::spawn(move || {
            drop(record::enter(&STEP));
            assert_eq!(poll(future.as_mut()).is_ready(), is_last);
            drop(record::enter(&STEP));
            future
        })
        .join()
        .unwrap();
    }
    let call = &function("moves").slowest[0];
    assert_eq!(call.polls.len(), 3);
    assert_eq!(tree(call), [(None, "step"), (None, "nested"), (Some("nested"), "step"), (None, "step")]);
    let mut threads: Vec<u32> = call.polls.iter().map(|poll| poll.thread_id).collect();
    threads.dedup();
    assert!(threads.len() > 1, "{threads:?}");
    assert_eq!(call.dropped, 0);
}

#[test]
fn calls_that_fail_are_kept_beside() {
    static ROOT: Site = root("fails");
    record::enter(&ROOT).finish(Outcome::Error);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _root = record::enter(&ROOT);
        record::measure("within the panic", || ());
        panic!("on purpose")
    }));
    assert!(panicked.is_err());
    let mut cancelled = Box::pin(Profiled::new(Some(&ROOT), Once(false), Returned));
    assert!(poll(cancelled.as_mut()).is_pending());
    drop(cancelled);
    for _ in 0..20 {
        let _root = record::enter(&ROOT);
        thread::sleep(Duration::from_millis(1));
    }
    let SlowFunction { slowest, failed, .. } = function("fails");
    assert_eq!(slowest.len(), 8);
    assert!(slowest.is_sorted_by(|one, other| one.duration_ns >= other.duration_ns));
    let mut outcomes: Vec<_> = failed.iter().map(|call| call.outcome).collect();
    outcomes.sort_by_key(|outcome| outcome.index());
    assert_eq!(outcomes, [Outcome::Error, Outcome::Panic, Outcome::Cancelled]);
    let panic = failed.iter().find(|call| call.outcome == Outcome::Panic).unwrap();
    assert_eq!(panic.steps.len(), 1);
}

#[test]
fn one_that_is_slow_and_failed_is_shown_once() {
    static ROOT: Site = root("slow and failed");
    record::enter(&ROOT).finish(Outcome::Error);
    let function = function("slow and failed");
    assert_eq!([function.slowest.len(), function.failed.len(), function.calls().count()], [1; 3]);
}

#[test]
fn a_call_of_too_many_steps_says_how_many_are_missing() {
    static ROOT: Site = root("too many");
    static STEP: Site = site("small", Options { sample: Sample::Always, ..Options::DEFAULT });
    static OUTER: Site = site("ends last", Options { sample: Sample::Always, ..Options::DEFAULT });
    {
        let _root = record::enter(&ROOT);
        let _outer = record::enter(&OUTER);
        (0..5_000).for_each(|_| drop(record::enter(&STEP)));
    }
    let call = &function("too many").slowest[0];
    assert_eq!((call.steps.len(), call.dropped), (1_000, 4_001));
    // What ends last says more than the last of those within it.
    assert_eq!((call.steps[0].name.as_str(), call.steps[1].parent), ("slow::ends last", Some(0)));
}

#[test]
fn roots_within_roots_have_trees_of_their_own() {
    static OUTER: Site = root("outer root");
    static INNER: Site = root("inner root");
    static STEP: Site = site("of both", Options { sample: Sample::Always, ..Options::DEFAULT });
    {
        let _outer = record::enter(&OUTER);
        drop(record::enter(&STEP));
        let _inner = record::enter(&INNER);
        // The ring is emptied meanwhile.
        (0..100).for_each(|_| drop(record::enter(&STEP)));
    }
    assert_eq!(function("inner root").slowest[0].steps.len(), 100);
    let outer = &function("outer root").slowest[0];
    assert_eq!(outer.steps.len(), 102);
    assert_eq!(tree(outer)[..3], [(None, "of both"), (None, "inner root"), (Some("inner root"), "of both")]);
}

#[test]
fn guards_that_drop_out_of_order_leave_nothing_behind() {
    static ROOT: Site = root("out of order");
    static STEP: Site = site("after", Options { sample: Sample::Always, ..Options::DEFAULT });
    for _ in 0..3 {
        let outer = record::enter(&STEP);
        let root = record::enter(&ROOT);
        drop(outer);
        drop(root);
    }
    record::enter(&ROOT).finish(Outcome::Ok);
    let calls = function("out of order").slowest;
    assert_eq!(calls.len(), 1);
    assert!(calls[0].steps.is_empty());
}

#[test]
fn waits_and_statements_are_steps() {
    static ROOT: Site = root("waits");
    static LOCK: crate::sync::Mutex<u32> = crate::sync::Mutex::new(0);
    static PHASE: AtomicU32 = AtomicU32::new(0);
    let holder = thread::spawn(|| {
        record::measure("holds it", || {
            let held = LOCK.lock().unwrap();
            PHASE.store(1, Relaxed);
            while PHASE.load(Relaxed) == 1 {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(20));
            drop(held);
        });
    });
    while PHASE.load(Relaxed) == 0 {
        thread::yield_now();
    }
    let db = crate::instrument::watch_query("slow calls");
    {
        let _root = record::enter(&ROOT);
        PHASE.store(2, Relaxed);
        drop(LOCK.lock().unwrap());
        let _ = db.run("SELECT a FROM t WHERE b = 7", || Err::<(), _>(()));
    }
    holder.join().unwrap();
    let call = &function("waits").slowest[0];
    let lock = call.steps.iter().find(|step| step.kind == SlowStepKind::Lock).unwrap();
    assert!(lock.name == "Mutex" && lock.held_by.ends_with("holds it"), "{lock:?}");
    let query = call.steps.iter().find(|step| step.kind == SlowStepKind::Query).unwrap();
    assert!(query.name.starts_with("SELECT a FROM t") && query.outcome == Outcome::Error, "{query:?}");
    assert!(!query.name.contains('7'), "values are none of it: {query:?}");
}
