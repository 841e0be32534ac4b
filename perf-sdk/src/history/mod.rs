//! What was so a minute, an hour and a day ago: readings and functions' distributions of some time,
//! in memory of a fixed size.
//!
//! | file | job |
//! |---|---|
//! | `store` | the face: rounds in, answers out |
//! | `levels` | the resolutions, and which one answers for a moment |
//! | `series` | names, latest values, sums of intervals that go on |
//! | `lane`, `predictor`, `bits`, `grid` | points of a series in some bits each |
//! | `blocks`, `memory` | where they are kept |
//! | `functions`, `sparse`, `ring` | differences of histograms |
//! | `identity` | which function: name and module |
//! | `marks` | what the program said, and when |
//! | `answers`, `columns` | what is asked of a window: pure |
//! | `file/` | the history outlives the process |
//! | `counts` | what was lost |
//! | `query` | series by name, for users |
//! | `own` | readings of the history itself |
//! | `of_process` | the one history of this process |
//!
//! Nothing here reads a clock: the time is an argument.

mod answers;
mod bits;
mod blocks;
mod columns;
mod counts;
mod file;
mod functions;
mod grid;
mod identity;
mod lane;
mod levels;
mod marks;
mod memory;
mod of_process;
mod own;
mod predictor;
mod query;
mod ring;
mod series;
mod sparse;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use answers::{Answer, Coverage};
#[cfg(feature = "serve")]
pub(crate) use columns::columns;
pub(crate) use file::FileCounts;
pub(crate) use functions::Pace;
pub(crate) use identity::FunctionId;
#[cfg(feature = "serve")]
pub(crate) use identity::OwnedId;
pub(crate) use marks::LONGEST_MARK;
#[cfg(feature = "serve")]
pub(crate) use marks::Mark;
pub(crate) use of_process::{ask, close, fill, keep};
pub(crate) use own::{OwnReadings, descriptions};
pub(crate) use query::{answer, list};
pub(crate) use series::{Point, SeriesId, SeriesInfo};
pub(crate) use store::FUNCTION_SERIES;
pub(crate) use store::{DEFAULT_BYTES, FunctionReading, History};
