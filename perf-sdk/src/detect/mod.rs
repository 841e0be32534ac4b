//! Detectors: pure functions over samples of a series. They read no clock, and keep nothing.
//!
//! | file | job |
//! |---|---|
//! | `robust` | median and median absolute deviation |
//! | `usual` | what is usual for a series |
//! | `shift` | whether a series left what is usual for it: CUSUM |
//! | `season` | whether it is so at this hour of other days too |
//! | `trend` | whether a series grows |
//! | `recent` | k of the last n |
//!
//! All of them were tuned on `simulated`, whose series were there before. `alert/labelled` measures
//! what they find in labelled series.

mod recent;
mod robust;
mod season;
mod shift;
#[cfg(test)]
mod simulated;
mod trend;
mod usual;

pub(crate) use recent::Recent;
pub(crate) use season::is_seasonal;
pub(crate) use shift::{Shift, recurs, shift};
pub(crate) use trend::trend;
pub(crate) use usual::Usual;
