//! Integrations with libraries that the program already uses.

#[cfg(feature = "tracing")]
mod log;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
#[cfg(feature = "tracing")]
mod tracing_layer;

#[cfg(feature = "tracing")]
pub(crate) use log::{log_alert, may_log};
#[cfg(feature = "opentelemetry")]
pub use opentelemetry::opentelemetry_trace;
#[cfg(feature = "tracing")]
pub use tracing_layer::{TracingLayer, tracing_layer};
