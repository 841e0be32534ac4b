//! An in-process profiler for Rust services: annotate functions, and read their latency, CPU time
//! and allocations, as a table, as flamegraphs and in Prometheus.
//!
//! ```
//! #[global_allocator]
//! static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
//!
//! #[perf_sdk::profiled]
//! fn letter(guest: &str) -> String {
//!     format!("Dear {guest},")
//! }
//!
//! fn main() -> Result<(), perf_sdk::Error> {
//!     let perf = perf_sdk::start()?; // serves http://127.0.0.1:9464 and prints a table when it drops
//!     ["Ada", "Alan"].map(letter);
//!
//!     let snapshot = perf.snapshot();
//!     let letters = snapshot.functions.iter().find(|function| function.name == "letter");
//!     assert_eq!(letters.map(|function| function.calls.ok), Some(2));
//!     Ok(())
//! }
//! ```
//!
//! # Seven things
//!
//! | to | write | and read |
//! |---|---|---|
//! | measure a call | [`#[profiled]`](macro@profiled), [`scope!`], [`measure()`], [`FutureExt::profiled`], [`spawn`], [`sync`] | calls, quantiles, CPU time, who called whom |
//! | count memory | [`Alloc`] or [`CountingAlloc`] as the global allocator | allocations of each call, who holds memory now, leaks |
//! | look at it | [`start`], or [`router`] on a server of your own | the page, flamegraphs, profiles for `go tool pprof`, `/metrics` |
//! | take the figures | [`snapshot()`], [`Handle::snapshot`] | a [`Snapshot`](snapshot::Snapshot) that merges, subtracts and is written by [`export`] |
//! | say what ought to be | [`Builder::target`], [`Target`](target::Target), `PERF_TARGETS` | what is met, at risk or missed, by [`Handle::targets`] too |
//! | be told | [`Builder::alert`], [`AlertRule`](alert::AlertRule), `PERF_ALERTS` | what fires, by [`Handle::alerts`] too; all that happens, by [`Handle::events`] |
//! | do something about it | [`flag!`], [`AlertRule::action`](alert::AlertRule::action), [`Handle::optimize`] | what was done, and whether it helped |
//! | set it | [`builder`], the environment, a file; [`Handle::set`] while it runs | [`SETTINGS`]: each with its default and what is allowed |
//!
//! What a program has besides functions is measured by [instruments](instrument): [`watch_cache`],
//! [`watch_query`], [`watch_pool`], [`watch_queue`], [`io::Counted`], [`lazy::Watched`]; with the
//! feature `tower` [`watch_http`].
//!
//! Beside these: [`assert_allocations`] and [`assert_no_leak`] for tests, [`pool`] for arenas and
//! pools with accounts, [`watch_runtime`] and [`watch_workers`] for tokio runtimes and pools of
//! threads, [`with_labels`] for labels on samples of stacks, [`tracing_layer`] for existing spans.
//!
//! # What a call costs
//!
//! A measured call takes 1.35 times the two clock reads that any timing takes, 27 ns on a machine
//! where these take 20.5; a call that is only counted 1.4 ns. It takes no lock, allocates nothing
//! and queues nothing. It makes a system call only to read the CPU clock after the thread was
//! switched out. Measuring is kept within a budget of 1 % of the process's CPU time
//! ([`Builder::budget`]): where it would take more, functions are measured on a sample of their
//! calls.
//!
//! # How certain a figure is
//!
//! Calls are counted. What is estimated from a sample is unbiased, and says how certain it is:
//! [`Function::quantile`](snapshot::Function::quantile) gives an interval,
//! [`Function::exclusive_error_ns`](snapshot::Function::exclusive_error_ns) a standard error. Times
//! are integer nanoseconds and sizes bytes throughout; the exported metrics are in seconds and
//! bytes.
//!
//! # Off at compile time
//!
//! Without the feature `enabled`, which is on by default, all of this compiles to nothing.
//! `#[profiled]` leaves the function as it stands, the allocators are the plain ones, `start()`
//! starts nothing, a snapshot is empty, and exporters write nothing of it. The crate then depends
//! on its macros and on `pin-project-lite` only. So a library can annotate with `default-features =
//! false`, and the program that it is built into decides.
//!
//! Every other feature turns `enabled` on.
//!
//! What `enabled` alone provides has the same names and signatures without it, except what needs
//! other crates: serde's traits on a snapshot. [`watch_runtime`] is there too. What a further
//! feature provides is there with that feature only: [`router`], [`spawn`], [`pool`],
//! [`tracing_layer`], [`opentelemetry_trace`], [`Builder::metrics_handle`], [`Histogram::to_hdr`],
//! profiles of stacks and of the heap with the formats for them, and flamegraphs as SVG.

#![deny(unsafe_code)]
#![cfg_attr(not(feature = "enabled"), allow(dead_code))]

#[doc(hidden)]
#[cfg(feature = "enabled")]
#[path = "private.rs"]
pub mod __private;
mod accounts;
#[cfg(feature = "enabled")]
mod action;
pub mod alert;
#[cfg(feature = "enabled")]
mod assert;
mod base;
#[cfg(feature = "bench")]
pub mod bench;
#[cfg(feature = "enabled")]
mod clock;
#[cfg(feature = "enabled")]
mod collect;
#[cfg(feature = "enabled")]
mod detect;
mod error;
pub mod event;
pub mod export;
mod expression;
#[cfg(feature = "enabled")]
mod figures;
pub mod finding;
#[cfg(feature = "enabled")]
mod flag;
#[cfg(feature = "flight")]
mod flight;
#[doc(hidden)]
#[cfg(any(perf_fuzz, all(test, feature = "enabled")))]
pub mod fuzz;
pub mod histogram;
#[cfg(feature = "enabled")]
mod history;
#[cfg(feature = "enabled")]
pub mod instrument;
#[cfg(any(feature = "opentelemetry", feature = "tracing"))]
mod integration;
#[cfg(feature = "enabled")]
mod leak;
#[cfg(feature = "enabled")]
mod memory;
#[cfg(feature = "enabled")]
mod monitor;
#[cfg(not(feature = "enabled"))]
mod off;
mod outcome;
#[cfg(feature = "pool")]
pub mod pool;
#[cfg(feature = "push")]
mod push;
mod rate;
#[cfg(feature = "enabled")]
mod reading;
#[cfg(feature = "enabled")]
mod record;
#[cfg(feature = "enabled")]
mod runtime;
#[cfg(feature = "enabled")]
mod scaling;
#[cfg(feature = "enabled")]
mod scope;
#[cfg(feature = "serve")]
mod serve;
pub mod settings;
pub mod snapshot;
#[cfg(feature = "stacks")]
mod stacks;
#[cfg(feature = "enabled")]
pub mod sync;
pub mod target;
mod trace;

pub use error::Error;
pub use histogram::{Histogram, Scale};
pub use outcome::Outcome;
pub use rate::{ParseRateError, Rate};
pub use settings::{Builder, SETTINGS, Setting};
pub use trace::{TraceContext, TraceHook};

#[cfg(feature = "enabled")]
pub use assert::{assert_allocations, assert_no_leak};
#[cfg(feature = "flight")]
pub use flight::Bundle;
#[cfg(feature = "tower")]
pub use instrument::watch_http;
#[cfg(feature = "enabled")]
pub use instrument::{io, lazy, watch_cache, watch_pool, watch_query, watch_queue};
#[cfg(feature = "opentelemetry")]
pub use integration::opentelemetry_trace;
#[cfg(feature = "tracing")]
pub use integration::{TracingLayer, tracing_layer};
#[cfg(feature = "enabled")]
pub use memory::{Alloc, CountingAlloc};
#[cfg(feature = "tokio")]
pub use monitor::watch_runtime;
#[cfg(feature = "enabled")]
pub use monitor::{QueuedTask, RunningTask, Workers, ready, watch_workers};
#[cfg(feature = "enabled")]
pub use perf_macros::profiled;
#[cfg(feature = "tokio")]
pub use record::spawn;
#[cfg(feature = "enabled")]
pub use record::{FutureExt, Labelled, Profiled, Scope, measure, record, set_trace_hook, with_labels};
#[cfg(feature = "enabled")]
pub use runtime::{Handle, mark};
#[cfg(feature = "serve")]
pub use serve::router;

#[cfg(not(feature = "enabled"))]
pub use off::instrument::{self, io, lazy, watch_cache, watch_pool, watch_query, watch_queue};
#[doc(hidden)]
#[cfg(not(feature = "enabled"))]
pub use off::private as __private;
#[cfg(not(feature = "enabled"))]
pub use off::{
    Alloc, CountingAlloc, FutureExt, Handle, Labelled, Profiled, QueuedTask, RunningTask, Scope, Workers,
    assert_allocations, assert_no_leak, mark, measure, ready, record, set_trace_hook, watch_runtime, watch_workers,
    with_labels,
};
#[cfg(not(feature = "enabled"))]
pub use perf_macros::unprofiled as profiled;
#[cfg(not(feature = "enabled"))]
pub use std::sync;

/// Measures the rest of the enclosing block as a scope of its own.
///
/// ```
/// fn handle(request: &str) -> usize {
///     perf_sdk::scope!("parse");
///     request.split(',').count()
/// }
/// # assert_eq!(handle("a,b"), 2);
/// ```
///
/// A statement: the scope ends with the block. It must not be held across an `.await`: its guard is
/// not `Send`, so most executors refuse it at compile time; use [`FutureExt::profiled`] there.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! scope {
    ($name:expr $(,)?) => {
        let _scope = $crate::__private::enter({
            static SITE: $crate::__private::Site = $crate::__private::Site::new(
                $crate::__private::Source {
                    name: $crate::__private::Some($name),
                    path: || "",
                    ident: $name,
                    module: $crate::__private::module_path!(),
                    file: $crate::__private::file!(),
                    line: $crate::__private::line!(),
                },
                $crate::__private::Options::DEFAULT,
            );
            &SITE
        });
    };
}

/// Nothing: the feature `enabled` is off.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! scope {
    ($name:expr $(,)?) => {
        const _: $crate::__private::Name = $name;
    };
}

/// Whether a flag is on: code that can do less when it must.
///
/// ```
/// fn answers(all: &[u32]) -> &[u32] {
///     // While an alert with flag = "short answers" fires, or after Handle::set_flag.
///     if perf_sdk::flag!("short answers") { &all[..all.len().min(3)] } else { all }
/// }
/// # assert_eq!(answers(&[1, 2, 3, 4]).len(), 4);
/// ```
///
/// The name is a literal. Places with one name are one flag, which is off at first. Scrapes have
/// `flag_on` for each that was read while the profiler runs.
///
/// **Cost.** A load and a branch, while it is off. The first time that a place is read takes a lock
/// and allocates.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! flag {
    ($name:literal $(,)?) => {{
        static FLAG: $crate::__private::Flag = $crate::__private::Flag::new($name);
        FLAG.is_on()
    }};
}

/// `false`: the feature `enabled` is off.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! flag {
    ($name:literal $(,)?) => {{
        const _: $crate::__private::Name = $name;
        false
    }};
}

/// Starts the profiler with default settings and those of the environment: see [`SETTINGS`].
///
/// Profiled calls are recorded with or without it. It serves the endpoint, keeps the budget,
/// samples stacks and the live heap, and judges leaks. When the last [`Handle`] drops, it prints
/// the report.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::Error> {
/// let perf = perf_sdk::start()?; // not `let _ =`, which ends it at once
/// if let Some(address) = perf.address() {
///     println!("open http://{address}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A setting that is not allowed, an explicit address that is taken or unprotected, a second start
/// with other settings.
///
/// **Cost.** Some 10 ms, once: clocks are calibrated, and a few threads are made, which sleep most
/// of the time.
pub fn start() -> Result<Handle, Error> {
    builder().start()
}

/// Settings made in code; a file of settings and the environment override them: see [`Builder`].
///
/// ```
/// # fn main() -> Result<(), perf_sdk::Error> {
/// let perf = perf_sdk::builder().listen("127.0.0.1:0").budget("0.5%").report(false).start()?;
/// # drop(perf);
/// # Ok(())
/// # }
/// ```
pub fn builder() -> Builder {
    Builder::default()
}

/// Everything recorded up to now, of all threads, whether or not the profiler was started.
///
/// ```
/// perf_sdk::measure("work", || ());
/// let snapshot = perf_sdk::snapshot();
/// assert_eq!(snapshot.functions[0].calls.ok, 1);
/// ```
///
/// **Cost.** A pass over all records: some microseconds a thread and site, on the calling thread
/// only.
#[must_use]
pub fn snapshot() -> snapshot::Snapshot {
    #[cfg(feature = "enabled")]
    return collect::take();
    #[cfg(not(feature = "enabled"))]
    snapshot::Snapshot::default()
}

/// A reading of each that a monitor, an instrument or the history may take on some machine, for the
/// lists in the documents.
#[doc(hidden)]
#[cfg(feature = "enabled")]
pub fn __readings() -> Vec<snapshot::Reading> {
    collect::described(runtime::descriptions())
}

/// A histogram of each that an instrument may record, for the lists in the documents.
#[doc(hidden)]
#[cfg(feature = "enabled")]
pub fn __distributions() -> Vec<snapshot::Distribution> {
    let of = |(name, help): (&'static str, &'static str)| snapshot::Distribution {
        name: name.into(),
        help: help.into(),
        ..snapshot::Distribution::default()
    };
    instrument::DISTRIBUTIONS.iter().copied().map(of).collect()
}
