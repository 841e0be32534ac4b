//! Verdicts on what is held, over a series of looks at it. Pure statistics: who looks, and how, is known to the watcher only.
//!
//! A window is the time between two looks. What was born in one window is a generation. An object is old when it has lived for some windows; of
//! a leak there are old objects from ever more generations (then it is *suspect*), and they do not die (then it is *confirmed*).

mod census;
mod counts;
mod detector;
mod evidence;
mod judge;
mod retention;
mod rules;
mod series;
#[cfg(test)]
mod simulated;
mod stats;

#[cfg(feature = "heap")]
pub(crate) use census::Bound;
pub(crate) use census::{Census, Cohort, Counted, Place, Population, ProcessBytes};
pub(crate) use detector::Detector;
pub(crate) use rules::Rules;
