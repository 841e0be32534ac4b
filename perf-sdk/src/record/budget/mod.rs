//! Keeps recording within its budget.

pub(in crate::record) mod allowance;
pub(in crate::record) mod estimate;
pub(in crate::record) mod governor;
mod lately;
mod moments;
pub(in crate::record) mod rest;
mod told;
