//! What is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use perf_sdk::{CountingAlloc, profiled};

use crate::callgrind;

static COUNTED: CountingAlloc<System> = CountingAlloc::new(System);

/// Calls in one count.
pub(crate) const CALLS: u64 = 256;
/// Counts of each row, of which the least is taken: in the others the thread was switched out.
const COUNTS: usize = 41;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The row whose instructions are not this one's.
    pub(crate) without: Option<&'static str>,
    call: fn(u64) -> u64,
}

pub(crate) const ROWS: &[Row] = &[
    Row { name: "bare", without: None, call: bare },
    Row { name: "measured", without: Some("bare"), call: measured },
    Row { name: "passed", without: Some("bare"), call: passed },
    Row { name: "bare poll", without: None, call: bare_poll },
    Row { name: "measured poll", without: Some("bare poll"), call: measured_poll },
    Row { name: "passed poll", without: Some("bare poll"), call: passed_poll },
    Row { name: "bare allocation", without: None, call: |x| allocation(&System, x) },
    Row { name: "counted allocation", without: Some("bare allocation"), call: |x| allocation(&COUNTED, x) },
];

/// Runs a row, and has each of its counts written.
pub(crate) fn run(row: &Row) {
    // In a measured call, as in a program.
    within(row);
}

#[profiled(sample = always)]
fn within(row: &Row) {
    let call = |x| {
        black_box((row.call)(black_box(x)));
    };
    // Caches of names, records and pages are filled.
    (0..20 * CALLS).for_each(call);
    for _ in 0..COUNTS {
        callgrind::dump();
        (0..CALLS).for_each(call);
    }
    callgrind::dump();
    println!("{}", perf_sdk::snapshot().profiler.cpu_clock);
}

#[inline(never)]
fn bare(x: u64) -> u64 {
    black_box(x)
}

#[profiled(sample = always)]
#[inline(never)]
fn measured(x: u64) -> u64 {
    black_box(x)
}

#[profiled(sample = never)]
#[inline(never)]
fn passed(x: u64) -> u64 {
    black_box(x)
}

#[profiled(sample = always)]
async fn polled(x: u64) -> u64 {
    ready(black_box(x)).await
}

#[inline(never)]
fn bare_poll(x: u64) -> u64 {
    poll(async move { ready(black_box(x)).await })
}

#[inline(never)]
fn measured_poll(x: u64) -> u64 {
    poll(polled(x))
}

#[profiled(sample = never)]
async fn counted(x: u64) -> u64 {
    ready(black_box(x)).await
}

#[inline(never)]
fn passed_poll(x: u64) -> u64 {
    poll(counted(x))
}

fn poll(future: impl Future<Output = u64>) -> u64 {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => 0,
    }
}

#[inline(always)]
fn allocation(allocator: &impl GlobalAlloc, x: u64) -> u64 {
    let layout = Layout::new::<[u64; 8]>();
    // SAFETY: the layout has a size, and the block is freed with it.
    unsafe {
        let block = black_box(allocator.alloc(layout));
        allocator.dealloc(block, layout);
    }
    x
}
