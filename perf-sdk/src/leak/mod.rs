//! The leak detector: verdicts on live objects, over a series of evaluations.
//!
//! A window is the time between two evaluations. The objects that are allocated in one window are a
//! generation. An object is old when it has lived for some windows. If a path leaks, old objects
//! from more and more generations survive: it is then *suspect*. If these do not end either, it is
//! *confirmed*.
//!
//! | file | job |
//! |---|---|
//! | `settings` | the detector's configuration |
//! | `census`, `series`, `stats` | the data of one window, that of all windows, and the statistics |
//! | `rules/` | one file for each rule; pure |
//! | `evidence` | the evidence for a verdict, as a sentence |
//! | `detector` | one evaluation after the other; pure |
//! | `taker` | takes the census of this process |
//! | `watch` | does so once for each window |

mod census;
mod detector;
mod evidence;
mod rules;
mod series;
mod settings;
#[cfg(test)]
mod simulated;
mod stats;
mod taker;
mod watch;

pub(crate) use settings::LeakSettings;
pub(crate) use watch::LeakWatch;
