//! What makes a leak of a series: one rule a file.
//!
//! | file | what it judges |
//! |---|---|
//! | `generations` | objects of one place: whether of ever more windows some stay |
//! | `counts` | numbers that only grow: descriptors, threads, tasks |
//! | `retention` | resident memory that grows while what is allocated does not |

pub(super) mod counts;
pub(super) mod generations;
pub(super) mod retention;
