//! The cost of recording on this machine.

pub(in crate::record) mod empty_calls;
pub(in crate::record) mod overhead;
