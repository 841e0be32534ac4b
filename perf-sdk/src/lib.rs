//! In-process profiler: annotate functions, look at latency, CPU and allocations.

#![deny(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod clock;
mod config;
mod error;
pub mod export;
mod governor;
mod handle;
mod histogram;
mod memory;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
mod record;
mod scope;
#[cfg(feature = "serve")]
mod serve;
mod signals;
pub mod snapshot;
#[cfg(feature = "tracing")]
mod tracing_layer;

pub use config::{Builder, SETTINGS, Setting};
pub use error::Error;
pub use handle::Handle;
pub use histogram::{Histogram, Native, Scale, Span};
#[cfg(feature = "jemalloc")]
pub use memory::Alloc;
pub use memory::Counted;
#[cfg(feature = "opentelemetry")]
pub use opentelemetry::opentelemetry_trace;
pub use perf_macros::profiled;
pub use record::{FutureExt, Outcome, Profiled, TraceContext, TraceHook, measure, record, set_trace_hook};
pub use scope::{Rate, UnknownRate};
#[cfg(feature = "serve")]
pub use serve::router;
#[cfg(feature = "tracing")]
pub use tracing_layer::{TracingLayer, tracing_layer};

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
/// A statement: the scope ends with the block. It must not be held across an `.await`: its guard is not `Send`, so most
/// executors refuse it at compile time; use [`FutureExt::profiled`] there.
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

/// Starts the profiler with default settings and those of the environment: see [`SETTINGS`].
///
/// Profiled calls are recorded with or without it; it serves the endpoint, and when the last [`Handle`] drops, it prints
/// the report.
///
/// # Errors
/// A setting that is not allowed, an explicit address that is taken or unprotected, a second start with other settings.
pub fn start() -> Result<Handle, Error> {
    builder().start()
}

/// Settings made in code; the environment overrides them.
pub fn builder() -> Builder {
    Builder::default()
}

/// Everything recorded up to now, of all threads.
///
/// **Cost.** A pass over all records: some microseconds a thread and site, on the calling thread only.
#[must_use]
pub fn snapshot() -> snapshot::Snapshot {
    snapshot::take()
}
