//! The slowest calls of roots, and those that failed.

pub(in crate::record) mod admission;
pub(in crate::record) mod bank;
pub(in crate::record) mod table;
