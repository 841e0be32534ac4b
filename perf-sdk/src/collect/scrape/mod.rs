//! A snapshot for a scrape: with many functions on many threads it takes a tenth of the memory. It
//! has no call tree, and of functions only what scrapes show.
//!
//! | file | job |
//! |---|---|
//! | `fold` | reads all records, thread by thread |
//! | `late` | what it makes of them, for exporters |
//! | `tree` | the merged call tree, with what exclusive times need |
//! | `classic` | distributions in classic buckets, read at once: all that text formats write |
//! | `native` | distributions in all cells, read when they are written |

mod classic;
mod fold;
mod late;
mod native;
mod tree;

pub(crate) use fold::take_late;
pub(crate) use late::Detail;
