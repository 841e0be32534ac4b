//! Waits for locks: who waited, and who held the lock. And futures that are suspended with one.

pub(in crate::record) mod holding;
pub(in crate::record) mod table;
pub(in crate::record) mod wait;
