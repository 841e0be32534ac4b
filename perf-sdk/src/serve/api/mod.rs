//! What the dashboard asks for, as data: the routes write it as JSON.
//!
//! Under the lock of the history is copied only; sorting, matching and adding up come afterwards.
//!
//! | file | job |
//! |---|---|
//! | `range` | the window that is asked for, within what is kept |
//! | `line` | one line of a chart |
//! | `panels` | which readings stand together in a chart |
//! | `charts` | the panels of the process, and those of one function |
//! | `overview` | charts, marks, and what the profiler takes |
//! | `status` | targets, alerts, findings and leaks in short |
//! | `row` | the figures of one function |
//! | `past` | the same of a window, from the history |
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
mod row;
mod status;
mod table;
mod trend;

pub(super) use detail::detail;
pub(super) use overview::overview;
pub(super) use range::Asked;
pub(super) use table::{Column, Request, table};
