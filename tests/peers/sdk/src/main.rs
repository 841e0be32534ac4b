//! This profiler.

mod table;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Waker};

use perf_sdk::Handle;
use tracing_subscriber::layer::SubscriberExt as _;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

static HANDLE: OnceLock<Handle> = OnceLock::new();

#[inline(never)]
fn bare(n: u64) -> u64 {
    black_box(n)
}

#[inline(never)]
fn two_reads(clock: &quanta::Clock, n: u64) -> u64 {
    black_box(clock.raw());
    let n = black_box(n);
    black_box(clock.raw());
    n
}

#[perf_sdk::profiled(sample = always)]
#[inline(never)]
fn measured(n: u64) -> u64 {
    black_box(n)
}

#[perf_sdk::profiled(sample = never)]
#[inline(never)]
fn passed(n: u64) -> u64 {
    black_box(n)
}

#[perf_sdk::profiled]
#[inline(never)]
fn budgeted(n: u64) -> u64 {
    black_box(n)
}

#[perf_sdk::profiled(sample = always)]
async fn awaited(n: u64) -> u64 {
    black_box(n)
}

#[inline(never)]
fn spanned(n: u64) -> u64 {
    let _span = tracing::info_span!("spanned").entered();
    black_box(n)
}

fn each(calls: u64, f: fn(u64) -> u64) {
    (0..calls).for_each(|n| _ = black_box(f(n)));
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let builder = perf_sdk::builder().listen("off").report(false);
    let builder = if name == "perf-sdk, budgeted" { builder } else { builder.budget("off") };
    HANDLE.get_or_init(|| builder.start().expect("a start"));
    if name == "table" {
        return table::print();
    }
    if name == "perf-sdk, tracing layer" {
        let registry = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
        tracing::subscriber::set_global_default(registry).expect("the only subscriber");
    }
    harness::serve(&[
        ("bare call", |calls| each(calls, bare)),
        ("two counter reads", |calls| {
            let clock = quanta::Clock::new();
            (0..calls).for_each(|n| _ = black_box(two_reads(&clock, n)));
        }),
        ("perf-sdk, measured", |calls| each(calls, measured)),
        ("perf-sdk, sampled out", |calls| each(calls, passed)),
        ("perf-sdk, budgeted", |calls| each(calls, budgeted)),
        ("perf-sdk, async", |calls| {
            for n in 0..calls {
                let _ = black_box(pin!(awaited(n)).poll(&mut Context::from_waker(Waker::noop())));
            }
        }),
        ("perf-sdk, tracing layer", |calls| each(calls, spanned)),
    ]);
}
