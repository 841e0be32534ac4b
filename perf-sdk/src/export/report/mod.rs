//! Whole snapshots: as a table for people, as JSON for programs, and their histograms as a log.

#[cfg(feature = "hdr")]
pub mod hlog;
#[cfg(feature = "enabled")]
pub mod json;
pub mod table;
