//! The latest readings of all producers.

use super::sheet::{Reading, Sheet};
use crate::base::fork::Lock;

/// What could not be read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
}

static BOARD: Lock<Vec<(&'static str, Sheet)>> = Lock::new(Vec::new());

/// Shows the sheet of a producer in the place of its former one, which is given back so that its
/// memory is used again.
pub(crate) fn publish(producer: &'static str, sheet: Sheet) -> Sheet {
    let mut board = BOARD.lock();
    match board.iter_mut().find(|(name, _)| *name == producer) {
        Some((_, shown)) => std::mem::replace(shown, sheet),
        None => {
            board.push((producer, sheet));
            Sheet::default()
        }
    }
}

/// The producer does not run any more.
pub(crate) fn withdraw(producer: &'static str) {
    BOARD.lock().retain(|(name, _)| *name != producer);
}

/// The latest readings of all producers.
pub(crate) fn latest() -> (Vec<Reading>, Vec<Absence>) {
    let board = BOARD.lock();
    let readings = board.iter().flat_map(|(_, sheet)| sheet.readings().iter().cloned()).collect();
    (readings, board.iter().flat_map(|(_, sheet)| sheet.absences().iter().copied()).collect())
}
