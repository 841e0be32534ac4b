//! Recording is kept within what is allowed.

pub(in crate::record) mod allowance;
pub(in crate::record) mod governor;
pub(in crate::record) mod rest;
