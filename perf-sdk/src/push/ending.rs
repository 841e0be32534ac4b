//! How long a thread that sends may go on once the program ends.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::base::background::{PATIENCE, Pauses};

/// How long the end of the program waits for a thread that sends. It is less than the time for all
/// threads, since the others are ended after these.
pub(super) const LAST: Duration = PATIENCE.saturating_sub(Duration::from_millis(200));

/// The deadline once the program ends.
pub(super) struct Ending<'a> {
    pauses: &'a Pauses,
    since: Cell<Option<Instant>>,
}

impl<'a> Ending<'a> {
    pub(super) fn new(pauses: &'a Pauses) -> Self {
        Self { pauses, since: Cell::new(None) }
    }

    /// `None` if the program does not end yet.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.since.get().is_none() && self.pauses.is_over() {
            // Slightly less than the time for which the end waits.
            self.since.set(Some(Instant::now() + LAST.mul_f64(0.9)));
        }
        self.since.get()
    }
}
