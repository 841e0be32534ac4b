//! With the feature enabled, and optimised: the recorder does not measure itself. The duration of
//! an empty call is about zero, and its caller is not charged for it.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Instant;

use perf_sdk::FutureExt as _;
use perf_sdk::snapshot::Snapshot;

const CALLS: u32 = 100_000;

#[perf_sdk::profiled(sample = always)]
#[inline(never)]
fn empty(n: u32) -> u32 {
    black_box(n)
}

#[perf_sdk::profiled(sample = "1/64")]
#[inline(never)]
fn sampled(n: u32) -> u32 {
    black_box(n)
}

#[perf_sdk::profiled]
fn caller() {
    (0..CALLS).for_each(|n| _ = empty(n));
}

/// Nanoseconds for each call in a window.
#[derive(Debug)]
struct Seen {
    /// The recorded durations of calls and polls in which nothing happens.
    empty: f64,
    in_tree: f64,
    cpu: f64,
    sampled: f64,
    future: f64,
    /// The exclusive time of the caller's loop, per call.
    own: f64,
    /// The real duration of such a call, of a sampled call and of a poll, by the program's own
    /// clock.
    call: f64,
    sampled_call: f64,
    poll: f64,
}

impl Seen {
    fn of(window: &Snapshot, call: f64, sampled_call: f64, poll: f64) -> Option<Self> {
        let function = |name: &str| window.functions.iter().find(|function| function.name == name);
        let mean = |name: &str| function(name)?.wall.mean();
        let calls = f64::from(CALLS);
        Some(Self {
            empty: mean("empty")?,
            in_tree: function("empty")?.inclusive.wall_ns as f64 / calls,
            cpu: function("empty")?.cpu.as_ref()?.mean()?,
            sampled: mean("sampled")?,
            future: mean("future")?,
            own: function("caller")?.exclusive.wall_ns as f64 / calls,
            call,
            sampled_call,
            poll,
        })
    }

    /// Only a small part of the real duration is recorded. The real duration depends on the
    /// machine, the part does not.
    fn is_true(&self) -> bool {
        let small = |ns: f64, of: f64, part: f64| ns.abs() <= of * part;
        small(self.empty, self.call, 0.1)
            && small(self.in_tree, self.call, 0.1)
            && small(self.own, self.call, 0.2)
            && small(self.cpu, self.call, 0.3)
            // One call in 64 is measured, by the same recorder as all the others.
            && small(self.sampled, self.call, 0.1)
            && small(self.future, self.poll, 0.2)
            && self.sampled_call < self.call
    }
}

/// Nanoseconds for each of the calls that `work` makes.
fn each(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn poll_once() {
    let polled = pin!(async {}.profiled("future")).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_ready());
}

fn main() {
    let mut windows = Vec::new();
    // Other load on the machine makes everything longer, so one quiet window among many is enough.
    for _ in 0..100 {
        let before = perf_sdk::snapshot();
        let call = each(caller);
        let sampled_call = each(|| (0..CALLS).for_each(|n| _ = sampled(n)));
        let poll = each(|| (0..CALLS).for_each(|_| poll_once()));
        let window = perf_sdk::snapshot().subtract(&before);
        let seen = Seen::of(&window, call, sampled_call, poll).expect("all of them ran");
        if seen.is_true() {
            println!("{seen:?}");
            return;
        }
        windows.push(seen);
    }
    panic!("{:#?}", &windows[90..]);
}
