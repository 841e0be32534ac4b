//! Pools of workers, and their readings.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::clock::ThreadCpu;
use crate::reading::{Producer, Sheet};

/// The readings of the pool, without `workers_`.
fn read(name: &str) -> BTreeMap<&'static str, f64> {
    let mut sheet = Sheet::default();
    WorkersMonitor.read(&mut sheet);
    let is_it = |labels: &crate::reading::Labels| labels.pairs().any(|pair| pair == ("workers", name));
    let of = sheet.readings().iter().filter(|reading| is_it(&reading.labels));
    of.map(|reading| (reading.description.name.trim_start_matches("workers_"), reading.value)).collect()
}

fn counts(name: &str) -> [f64; 5] {
    let readings = read(name);
    ["queued", "active", "active_peak", "completed_total", "failed_total"].map(|figure| readings[figure])
}

fn burn(cpu_ns: u64) {
    let end = ThreadCpu::cpu_now_ns() + cpu_ns;
    while ThreadCpu::cpu_now_ns() < end {}
}

#[test]
fn tasks_are_counted_by_how_they_end() {
    let pool = watch_workers("test counts", 3);
    assert_eq!(read("test counts")["threads"], 3.0);
    assert_eq!(pool.run(|| 7), 7);
    assert_eq!(pool.try_run(|| Ok::<_, ()>(8)), Ok(8));
    assert_eq!(pool.try_run(|| Err::<(), _>(9)), Err(9));
    assert_eq!(counts("test counts"), [0.0, 0.0, 1.0, 2.0, 1.0]);
    let panicked = catch_unwind(AssertUnwindSafe(|| pool.run(|| panic!("a task that panics, on purpose"))));
    assert!(panicked.is_err());
    pool.begin().fail();
    drop(pool.begin());
    assert_eq!(counts("test counts"), [0.0, 0.0, 1.0, 3.0, 3.0]);
    let queued = [pool.queue(), pool.queue(), pool.queue()];
    assert_eq!(counts("test counts"), [3.0, 0.0, 1.0, 3.0, 3.0]);
    let [one, two, three] = queued;
    let running = (one.begin(), two.begin());
    assert_eq!(counts("test counts"), [1.0, 2.0, 2.0, 3.0, 3.0]);
    drop(three);
    drop(running);
    assert_eq!(counts("test counts"), [0.0, 0.0, 2.0, 5.0, 3.0], "what was not run is not counted");
    assert_eq!(pool.queue().run(|| 1) + pool.queue().try_run(|| Ok::<_, ()>(2)).unwrap(), 3);
    assert_eq!(counts("test counts"), [0.0, 0.0, 2.0, 7.0, 3.0]);
}

#[test]
fn a_task_within_the_destructor_of_a_panic_did_not_fail() {
    struct Cleans(Workers);
    impl Drop for Cleans {
        fn drop(&mut self) {
            self.0.run(|| ());
        }
    }
    let pool = watch_workers("test cleaning", 1);
    let cleans = Cleans(pool.clone());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _cleans = cleans;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(counts("test cleaning"), [0.0, 0.0, 1.0, 1.0, 0.0]);
}

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore = "it reads the CPU clocks of threads")]
fn cpu_time_is_that_of_the_threads_also_after_they_ended() {
    const EACH_NS: u64 = 20_000_000;
    let pool = watch_workers("test cpu", 2);
    let cpu_seconds = || read("test cpu")["cpu_seconds_total"];
    assert_eq!(cpu_seconds(), 0.0);
    assert!(!read("test cpu").contains_key("parallel_efficiency_ratio"), "no task ran");
    let threads = [(); 2].map(|()| {
        let queued = pool.queue();
        thread::spawn(|| {
            // Before its first task, a thread is not one of the pool.
            burn(EACH_NS);
            queued.run(|| burn(EACH_NS));
        })
    });
    // The end of a scope would not wait for the destructors of the threads.
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let both = cpu_seconds();
    let expected = 2.0 * EACH_NS as f64 / 1e9;
    assert!((expected..1.9 * expected).contains(&both), "{both}");
    assert_eq!(cpu_seconds(), both, "they have ended");
    let waits = pool.begin();
    burn(EACH_NS);
    let readings = read("test cpu");
    assert!(readings["cpu_seconds_total"] >= both + EACH_NS as f64 / 1e9, "a task that has not ended counts too");
    let ratio = readings["parallel_efficiency_ratio"];
    assert!(ratio > 0.0 && ratio <= 0.5 + 1e-3, "one thread of two workers: {ratio}");
    drop(waits);
    read("test cpu");
    assert!(!read("test cpu").contains_key("parallel_efficiency_ratio"), "no task ran since");
}

#[test]
fn a_pool_is_shown_until_its_last_handle_drops_by_a_name_of_its_own() {
    let is_shown = |name: &str| !read(name).is_empty();
    let (one, two) = (watch_workers("test names", 1), watch_workers("test names", 1));
    assert!(is_shown("test names") && is_shown("test names-2"));
    drop(two);
    assert!(is_shown("test names") && !is_shown("test names-2"));
    let queued = one.queue();
    drop(one);
    assert!(is_shown("test names"), "a task of it waits");
    queued.run(|| ());
    assert!(!is_shown("test names"));
}

#[test]
#[cfg(all(unix, not(miri)))]
fn a_forked_child_does_not_show_the_pools_of_its_parent() {
    let pool = watch_workers("test fork", 1);
    pool.run(|| ());
    let is_right = crate::base::fork::in_child(|| {
        pool.run(|| ());
        let own = watch_workers("test fork", 1);
        own.run(|| ());
        counts("test fork")[3] == 1.0
    });
    assert!(is_right);
    assert_eq!(counts("test fork")[3], 1.0);
}

#[test]
#[cfg_attr(miri, ignore = "it prints what a task costs on this machine")]
#[ignore = "it prints what a task costs on this machine"]
fn cost_of_a_task() {
    let pool = watch_workers("test cost", 2);
    let ns = |task: &dyn Fn()| {
        let start = std::time::Instant::now();
        (0..1_000_000).for_each(|_| task());
        start.elapsed().as_nanos() as f64 / 1e6
    };
    for _ in 0..3 {
        let run = ns(&|| pool.run(|| std::hint::black_box(())));
        println!("run {run:.1} ns, queue and run {:.1} ns", ns(&|| pool.queue().run(|| std::hint::black_box(()))));
    }
}
