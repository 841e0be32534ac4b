//! Waits for locks: who waited, and who held the lock.

pub(in crate::record) mod table;
pub(in crate::record) mod wait;
