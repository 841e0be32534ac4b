//! Runtimes, and their readings.
#![cfg(not(miri))]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::figures::{MOST_WORKERS, worker_labels};
use super::*;
use crate::reading::Labels;

/// The readings of the runtime, by name and further labels.
fn read(name: &str) -> BTreeMap<String, f64> {
    let mut sheet = Sheet::default();
    RuntimesMonitor.read(&mut sheet);
    let is_it = |labels: &Labels| labels.pairs().any(|pair| pair == ("runtime", name));
    let of = sheet.readings().iter().filter(|reading| is_it(&reading.labels));
    let key = |reading: &crate::reading::Reading| {
        let labels = reading.labels.pairs().filter(|(label, _)| *label != "runtime");
        labels.fold(reading.description.name.to_owned(), |key, (_, value)| format!("{key} {value}"))
    };
    of.map(|reading| (key(reading), reading.value)).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).build().unwrap()
}

#[test]
fn figures_of_a_runtime_are_read_until_it_is_shut_down() {
    let runtime = runtime(2);
    watch_runtime("test main", runtime.handle());
    let readings = read("test main");
    assert_eq!((readings["tokio_workers"], readings["tokio_alive_tasks"]), (2.0, 0.0));
    assert!(!readings.contains_key("tokio_busy_ratio"), "it is that between two readings");
    let waiting: Vec<_> = (0..3).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
    assert_eq!(read("test main")["tokio_alive_tasks"], 3.0);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    wait_until("aborted tasks end", || read("test main")["tokio_alive_tasks"] == 0.0);
    let busy = || {
        let readings = read("test main");
        ["0", "1"].map(|worker| readings[&format!("tokio_worker_busy_seconds_total {worker}")]).iter().sum::<f64>()
    };
    let before = busy();
    let work = runtime.spawn(async { std::thread::sleep(Duration::from_millis(30)) });
    runtime.block_on(work).unwrap();
    wait_until("a poll of 30 ms is busy time", || busy() >= before + 0.03);
    assert!(read("test main")["tokio_busy_ratio"] >= 0.0);
    let parks = |readings: BTreeMap<String, f64>| {
        readings["tokio_worker_parks_total 0"] + readings["tokio_worker_parks_total 1"]
    };
    wait_until("idle workers park", || parks(read("test main")) > 0.0);
    assert_eq!(read("test main")["tokio_global_queue_depth"], 0.0);
    drop(runtime);
    assert!(read("test main").is_empty(), "it was shut down");
}

#[test]
fn tasks_wait_in_the_global_queue_of_a_runtime_that_does_not_run() {
    let runtime = Builder::new_current_thread().build().unwrap();
    watch_runtime("test still", runtime.handle());
    let handle = runtime.handle().clone();
    std::thread::spawn(move || (0..5).for_each(|_| drop(handle.spawn(async {})))).join().unwrap();
    let readings = read("test still");
    assert_eq!((readings["tokio_workers"], readings["tokio_alive_tasks"]), (1.0, 5.0));
    assert!(readings["tokio_global_queue_depth"] >= 5.0);
    drop(runtime);
    assert!(read("test still").is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_runtime_that_was_shut_down_is_not_kept() {
    let alive = |name| !read(name).is_empty();
    for shut_down in [|runtime: Runtime| runtime.shutdown_background(), |runtime: Runtime| drop(runtime)] {
        let runtime = runtime(1);
        watch_runtime("test kept", runtime.handle());
        assert!(alive("test kept"));
        shut_down(runtime);
        wait_until("it is gone", || !alive("test kept"));
    }
    let over = runtime(1);
    let handle = over.handle().clone();
    drop(over);
    watch_runtime("test over", &handle);
    assert!(!alive("test over"));
}

#[test]
fn runtimes_have_names_of_their_own() {
    let (one, two) = (runtime(1), runtime(1));
    watch_runtime("test name", one.handle());
    watch_runtime("test name", two.handle());
    assert_eq!([read("test name").len(), read("test name-2").len()].map(|count| count > 3), [true; 2]);
    assert!(crate::base::fork::in_child(|| read("test name").is_empty()));
}

#[test]
fn workers_beyond_the_most_are_one_series() {
    let labels = worker_labels("test", MOST_WORKERS + 3);
    assert_eq!(labels.len(), MOST_WORKERS + 1);
    let mut sheet = Sheet::default();
    push_of_workers(&PARKS, &labels, MOST_WORKERS + 3, |worker| worker as f64, &mut sheet);
    let values: Vec<f64> = sheet.readings().iter().map(|reading| reading.value).collect();
    assert_eq!(values[..2], [0.0, 1.0]);
    assert_eq!(values[MOST_WORKERS], (MOST_WORKERS..MOST_WORKERS + 3).sum::<usize>() as f64);
}

#[test]
#[cfg(tokio_unstable)]
fn the_histogram_of_poll_times_is_cumulative() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_metrics_poll_time_histogram().build().unwrap();
    watch_runtime("test polls", runtime.handle());
    runtime.block_on(runtime.spawn(async {})).unwrap();
    wait_until("polls are counted", || read("test polls")["tokio_polls_within_total +Inf"] >= 2.0);
    let readings = read("test polls");
    let bounds: Vec<f64> =
        readings.iter().filter(|(key, _)| key.starts_with("tokio_polls_within")).map(|(_, n)| *n).collect();
    assert!(bounds.len() > 3 && bounds.iter().all(|count| *count <= readings["tokio_polls_within_total +Inf"]));
    assert!(readings["tokio_worker_polls_total 0"] >= 2.0 && readings["tokio_spawned_tasks_total"] >= 2.0);
}
