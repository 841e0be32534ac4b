//! What the dashboard asks for, as data: the routes write it as JSON.
//!
//! Under the lock of the history is copied only; sorting, matching and adding up come afterwards.
//!
//! | file | job |
//! |---|---|
//! | `range` | the window that is asked for, within what is kept |
//! | `line`, `panels` | values of lines, and readings of panels, from the history |
//! | `charts` | the panels of the process, and those of one function |
//! | `overview` | charts, marks, and what the profiler takes |
//! | `past` | the figures of functions in a window, from the history |
//! | `trend` | the last calls of a function, and its change against an hour ago |
//! | `table` | functions that are searched, sorted and counted |
//! | `detail` | everything that is known of one function |

mod charts;
mod detail;
mod line;
mod overview;
mod panels;
mod past;
mod range;
mod table;
mod trend;

pub(super) use detail::detail;
pub(super) use overview::{overview, program_name, said};
pub(super) use range::Asked;
pub(super) use table::{Column, Request, table};
