//! Verdicts on what is held, over a series of evaluations.
//!
//! A window is the time between two evaluations. What was born in one window is a generation. An
//! object is old when it has lived for some windows; of a leak there are old objects from ever more
//! generations (then it is *suspect*), and they do not die (then it is *confirmed*).
//!
//! | file | job |
//! |---|---|
//! | `settings` | what verdicts rest on, as the user may choose it |
//! | `census`, `series`, `stats` | what was seen in a window, in all of them, and their arithmetic |
//! | `rules/` | one rule a file; pure |
//! | `evidence` | what speaks for a verdict, in a sentence |
//! | `detector` | one evaluation after the other; pure |
//! | `taker` | takes the census of this process |
//! | `watcher` | the thread that does so once a window |

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
mod watcher;

pub(crate) use settings::LeakSettings;
pub(crate) use watcher::start;
