//! HTML pages: one file for each page, or for a part of one.

pub(super) mod accounts;
pub(super) mod alerts;
pub(super) mod findings;
pub(super) mod flame;
#[cfg(feature = "flight")]
pub(super) mod flight;
pub(super) mod html;
pub(super) mod index;
pub(super) mod leaks;
#[cfg(any(feature = "heap", feature = "stacks"))]
pub(super) mod profiles;
pub(super) mod queries;
pub(super) mod slow;
pub(super) mod targets;
