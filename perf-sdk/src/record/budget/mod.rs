//! Keeps recording within its budget.

pub(in crate::record) mod allowance;
pub(in crate::record) mod governor;
pub(in crate::record) mod rest;
