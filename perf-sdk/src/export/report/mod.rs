//! Whole snapshots: for reading, for programs, and their histograms as a log.

#[cfg(feature = "enabled")]
pub mod hlog;
#[cfg(feature = "enabled")]
pub mod json;
pub mod table;
