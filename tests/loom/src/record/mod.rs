//! The recorder, as far as threads meet in it.

pub(crate) mod locks;
pub(crate) mod slowest;
pub(crate) mod store;
