//! The current trace of programs that use `tracing-opentelemetry`.

use opentelemetry::trace::TraceContextExt as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::trace::TraceContext;

/// The OpenTelemetry trace of the current `tracing` span, for
/// [`set_trace_hook`](crate::set_trace_hook).
///
/// ```
/// perf_sdk::set_trace_hook(perf_sdk::opentelemetry_trace);
/// ```
///
/// `None` outside of a span, or if no `tracing-opentelemetry` layer is installed. **Cost.** About a
/// microsecond. It is called about once a second for each latency bucket of each function and
/// thread.
#[must_use]
pub fn opentelemetry_trace() -> Option<TraceContext> {
    let context = tracing::Span::current().context();
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid().then(|| TraceContext { trace_id: ids.trace_id().to_bytes(), span_id: ids.span_id().to_bytes() })
}
