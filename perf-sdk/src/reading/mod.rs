//! Readings: figures that producers take at intervals, such as the process's memory or the hits of
//! a cache.
//!
//! | file | job |
//! |---|---|
//! | `description` | what a reading is: name, help, unit, kind |
//! | `labels` | which of several it is |
//! | `sheet` | the readings of one producer, in memory that is used again |
//! | `board` | the latest sheet of each producer, and why one has none |

mod board;
mod description;
mod labels;
mod sheet;

#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use board::reserved;
pub(crate) use board::{Place, Readings, Renew, latest, latest_except, renew, reserve, visit};
pub(crate) use description::Kind;
pub(crate) use description::{Description, Unit};
pub(crate) use labels::Labels;
pub(crate) use sheet::{Absence, Reading, Sheet};

/// What takes readings.
pub(crate) trait Producer: Send {
    /// Identifies the producer on the board, and in the account of costs.
    fn name(&self) -> &'static str;

    /// Whether any thread may take readings at any time. Code of the program may not run on the
    /// thread of whoever asks for readings, which may hold locks that it takes: then only the
    /// scheduler reads, always at the interval.
    fn runs_anywhere(&self) -> bool {
        false
    }

    /// Appends the current readings. A reading that cannot be had is absent; the reason is noted by
    /// [`Sheet::absent`].
    ///
    /// Does not allocate once it has run, as long as nothing new appears.
    fn read(&mut self, into: &mut Sheet);
}
