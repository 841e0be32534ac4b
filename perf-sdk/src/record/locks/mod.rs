//! Waits for locks: who waited, and who held.

pub(in crate::record) mod table;
pub(in crate::record) mod wait;
