//! The slowest calls: as text, and as a trace for Perfetto.

#[cfg(feature = "enabled")]
mod lanes;
#[cfg(feature = "enabled")]
mod perfetto;
mod text;
#[cfg(feature = "enabled")]
mod wire;

#[cfg(feature = "enabled")]
pub use perfetto::write_perfetto;
pub use text::write_text;

#[cfg(not(feature = "enabled"))]
pub use crate::off::write_perfetto;
