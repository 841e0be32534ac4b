//! Rules that derive a verdict from a series: one file for each rule.
//!
//! | file | what it judges |
//! |---|---|
//! | `generations` | objects of one place: whether some of more and more windows survive |
//! | `counts` | numbers that only grow: descriptors, threads, tasks |
//! | `retention` | resident memory that grows while allocated memory does not |

pub(super) mod counts;
pub(super) mod generations;
pub(super) mod retention;
