//! Integrations with libraries that the program already uses.

#[cfg(feature = "opentelemetry")]
mod opentelemetry;
#[cfg(feature = "tracing")]
mod tracing_layer;

#[cfg(feature = "opentelemetry")]
pub use opentelemetry::opentelemetry_trace;
#[cfg(feature = "tracing")]
pub use tracing_layer::{TracingLayer, tracing_layer};
